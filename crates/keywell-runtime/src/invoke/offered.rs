use super::exports::Functions;
use super::function::Function;

/// A name in the list of offered functions that matches no function that can be called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct NotOffered {
    problem: String,
}

/// The path of a function: `acme:shop/cart@1.0.0/add`, or `add` outside interfaces.
pub fn path(function: &Function) -> String {
    match function.interface() {
        Some(interface) => format!("{interface}/{}", function.name()),
        None => function.name().to_owned(),
    }
}

/// The functions that can be called from outside, of those that are named: each name is an
/// interface, or the path of a function. Without names, all of them.
///
/// # Errors
///
/// [`NotOffered`] for a name that matches none.
pub fn offered<'f>(
    functions: &'f Functions,
    names: &[impl AsRef<str>],
) -> Result<Vec<&'f Function>, NotOffered> {
    for name in names {
        check(functions, name.as_ref())?;
    }
    let is_named = |function: &Function| {
        let mut names = names.iter().map(AsRef::as_ref);
        names.len() == 0 || names.any(|name| is_called(function, name))
    };
    let all = functions.iter();
    let offered = all.filter(|function| function.check().is_ok() && is_named(function));
    Ok(offered.collect())
}

fn is_called(function: &Function, name: &str) -> bool {
    function.interface() == Some(name) || path(function) == name
}

fn check(functions: &Functions, name: &str) -> Result<(), NotOffered> {
    let all = functions.iter();
    let mut checked = all
        .filter(|function| is_called(function, name))
        .map(Function::check);
    let problem = match checked.next() {
        None => {
            let callable = functions.iter().filter(|function| function.check().is_ok());
            let names = callable.map(|function| function.interface().unwrap_or(function.name()));
            let mut names: Vec<&str> = names.collect();
            names.dedup();
            let has = match &names[..] {
                [] => "it exports none that can be called from outside".to_owned(),
                names => format!("it exports {}", names.join(", ")),
            };
            format!("the component exports no interface or function {name}; {has}")
        }
        Some(Err(error)) if checked.all(|checked| checked.is_err()) => error.to_string(),
        Some(_) => return Ok(()),
    };
    Err(NotOffered { problem })
}
