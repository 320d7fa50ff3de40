//! A shopping cart in ordinary variables. As a durable worker it survives the end of its process.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use exports::example::shop::cart::{Guest, Item};

wit_bindgen::generate!({ path: "wit", world: "shop" });

struct Shop;

export!(Shop);

thread_local! {
    static CART: RefCell<HashMap<String, u32>> = RefCell::default();
}

impl Guest for Shop {
    fn add_item(product: String, quantity: u32) -> u32 {
        CART.with_borrow_mut(|cart| {
            let own = cart.entry(product).or_default();
            *own = own.saturating_add(quantity);
            cart.values().sum()
        })
    }

    fn get_cart() -> Vec<Item> {
        CART.with_borrow(|cart| {
            let items = cart.iter().map(|(product, quantity)| Item {
                product: product.clone(),
                quantity: *quantity,
            });
            let mut items: Vec<_> = items.collect();
            items.sort_by(|one, other| one.product.cmp(&other.product));
            items
        })
    }

    fn checkout() -> Result<String, String> {
        let ordered = CART.take();
        if ordered.is_empty() {
            return Err("the cart is empty".to_owned());
        }
        // Random, and the same in every replay.
        let number = RandomState::new().hash_one(ordered.len());
        Ok(format!("order {number:016x}"))
    }
}
