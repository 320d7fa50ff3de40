/// Passes the promises of lists and sets to a macro of this crate, after its arguments and the other
/// promises.
#[doc(hidden)]
#[macro_export]
macro_rules! __with_collections {
    ([$($then:tt)*] $($given:tt)*) => { $($then)*! { $($given)*

collections {
    /// Items are in the order in which they were pushed, and a push answers the length of the list.
    pushed_items_are_in_order [Collections]
    /// A range counts from either end, has both of its ends, and is brought within the list.
    a_range_counts_from_both_ends [Collections]
    /// All items that equal a text are deleted, and the answer says how many there were.
    a_deleted_item_is_gone [Collections]
    /// A set has each member once, in the order of bytes, and an addition says whether it is new.
    a_set_has_each_member_once [Collections]
    /// A removed member is gone, and the answer says whether it was there.
    a_removed_member_is_gone [Collections]
    /// A union has the members of one set at least, an intersection those of all.
    sets_are_united_and_intersected [Collections]
    /// A key that is not there is an empty list and an empty set, and the last text takes its key along.
    an_absent_key_is_an_empty_list_and_set [Collections]
    /// Clearing a list or a set deletes all of it, and answers how many texts there were.
    clearing_deletes_all_texts [Collections]
    /// An operation on a key of another kind is refused, names that kind, and changes nothing.
    a_key_holds_one_kind [Collections]
    /// A set replaces a list or a set of texts, and a delete removes it.
    a_set_and_a_delete_replace_a_collection [Collections]
    /// A text may be empty, and hold any character.
    a_text_may_be_empty_and_of_any_script [Collections]
    /// Texts that the caller cannot hold together are refused.
    texts_that_the_caller_cannot_hold_are_refused [Collections]
    /// A store itself refuses keys and texts larger than it declares, and nothing is written.
    keys_and_texts_past_the_limits_are_refused [Collections LongestKey LargestValue]
    /// A listing has the keys of lists and sets, and refuses them where it has to have values.
    lists_and_sets_are_listed [Collections List]
    /// Lists and sets of two buckets are apart.
    lists_and_sets_keep_to_their_bucket [Collections Buckets]
    /// What 32 tasks push and add at once is all there, once.
    pushes_and_additions_from_32_tasks_are_all_there [Collections]
}

    } };
}
