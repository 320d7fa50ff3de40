//! The list of promises, from which the public functions, the [registry](crate::behaviours) and the
//! tests of [`suite!`](crate::suite) are generated.

mod collections;

/// Passes the list to a macro of this crate, after the arguments of that macro. Each entry has a
/// promise, the function that checks it, and what the store has to declare for it.
#[doc(hidden)]
#[macro_export]
macro_rules! __for_each_behaviour {
    ([$($then:tt)*] $($given:tt)*) => { $crate::__with_collections! { [$($then)*] $($given)*

store {
    /// A value is read as it was set.
    a_value_is_read_as_it_was_set []
    /// An empty value is there; an absent key is not.
    an_empty_value_is_not_an_absent_one []
    /// A value may hold every byte, in any order.
    a_value_may_hold_every_byte []
    /// A key that was never set has no value, and does not exist.
    a_key_that_was_never_set_is_absent []
    /// `exists` says of a key what `get` does.
    exists_agrees_with_get []
    /// A set replaces the whole of what was there, also by less.
    a_set_replaces_what_was_there []
    /// A deleted key is gone.
    a_deleted_key_is_gone []
    /// Deleting a key that is not there succeeds.
    deleting_an_absent_key_succeeds []
    /// A key can be set again after it was deleted.
    a_deleted_key_can_be_set_again []
    /// A delete takes no other key with it, however alike.
    a_delete_takes_no_other_key_with_it []
    /// Punctuation in a key stands for itself.
    a_key_may_hold_punctuation []
    /// Spaces and quotes in a key stand for themselves, also at its ends.
    a_key_may_hold_spaces_and_quotes []
    /// Line ends, tabs and other control characters in a key stand for themselves.
    a_key_may_hold_control_characters []
    /// A NUL in a key stands for itself, and does not end it.
    a_key_may_hold_a_nul []
    /// Slashes and dots in a key are no path.
    a_key_is_no_path []
    /// What looks like a query, a command or a pattern is a key.
    a_key_is_no_query []
    /// A key may be of any script, and is neither normalised nor folded.
    a_key_may_be_of_any_script []
    /// Keys that differ in case, in blanks at the end or in leading zeros are different.
    keys_are_compared_byte_by_byte []
    /// Keys of the longest length are keys, though they differ in the last byte only.
    a_key_of_the_longest_length_is_a_key []
    /// The version that a set answers is the one that `get` reads.
    a_set_answers_the_version_that_get_reads []
    /// Every write changes the version, also one of the same value.
    every_write_changes_the_version [CasByVersion]
    /// Reading changes no version.
    reading_changes_no_version []
    /// A version is never used again, also when the key was deleted in between.
    a_version_is_never_used_again [CasByVersion]
    /// Two handles on one bucket show the same data.
    two_handles_show_the_same_data []
    /// A handle outlives the others on the same bucket.
    a_handle_outlives_the_others []
    /// Every handle on a bucket declares the same.
    every_handle_declares_the_same []
    /// A store that declares to answer at once does.
    what_answers_at_once_never_waits [AtOnce]
    /// A working store reports that it is healthy.
    a_working_store_is_healthy []
    /// What was acknowledged is there after a restart, and what was deleted is not.
    what_was_written_survives_a_restart [Restart]
    /// A version that was read before a restart still stands after it, until the next write.
    a_version_survives_a_restart [Cas Restart]
    /// No version is used again after a restart.
    no_version_is_used_again_after_a_restart [CasByVersion Restart]
}

paging {
    /// A bucket that holds nothing lists nothing.
    an_empty_bucket_lists_nothing [List]
    /// A listing has each key exactly once, whatever the size of its pages.
    a_listing_has_each_key_once [List]
    /// An ordered listing is in the order of the keys' bytes.
    an_ordered_listing_is_in_the_order_of_bytes [OrderedList]
    /// A key is listed as it was written, whatever is in it.
    a_key_is_listed_as_it_was_written [List]
    /// A listing has what was just written, and not what was just deleted.
    a_listing_has_what_was_just_written [List]
    /// A prefix selects the keys that begin with it, itself included.
    a_prefix_selects_what_begins_with_it [List]
    /// Punctuation in a prefix stands for itself.
    a_prefix_is_no_pattern [List]
    /// A prefix that no key has lists nothing.
    a_prefix_that_no_key_has_lists_nothing [List]
    /// A page holds no more keys than asked for.
    a_page_holds_no_more_than_asked_for [List]
    /// A limit of zero is taken as one, and one past the most as the most.
    a_limit_is_brought_within_its_bounds [List]
    /// A page holds at most 256 KiB of keys.
    a_page_is_bounded_in_bytes [List]
    /// A page carries the entries of its keys if they are asked for, and else none.
    a_page_carries_entries_that_are_asked_for [List]
    /// A page with entries holds no more bytes of values than asked for, or one entry.
    a_page_with_entries_is_bounded_in_bytes [List]
    /// Keys that come and go meanwhile hide none that is there throughout.
    keys_that_come_and_go_hide_none_that_stay [List]
    /// The key at which a page ended can be deleted, and the next page misses nothing.
    the_last_key_of_a_page_can_be_deleted [List]
    /// A listing beside concurrent writers has every key once that is there throughout.
    a_listing_beside_writers_has_what_stays_once [List]
    /// A listing that was begun ends well when everything is deleted meanwhile.
    a_listing_ends_though_all_is_deleted [List]
    /// A cursor may be used twice, and continues at the same position.
    a_cursor_may_be_used_twice [List]
    /// A cursor is text that works on every handle of its bucket.
    a_cursor_works_on_another_handle [List]
    /// A cursor of another bucket is refused.
    a_cursor_of_another_bucket_is_refused [List Buckets]
    /// A cursor of a listing with another prefix is refused.
    a_cursor_of_another_prefix_is_refused [List]
    /// Text that never was a cursor is refused.
    text_that_never_was_a_cursor_is_refused [List]
    /// A cursor continues after a restart where it would have before.
    a_cursor_survives_a_restart [List Restart]
    /// A bucket of very many keys is listed once each, a bounded page at a time.
    very_many_keys_are_listed_in_bounded_memory [List]
}

atomics {
    /// A swap at the version that was read writes.
    a_swap_at_the_version_that_was_read_writes [Cas]
    /// A swap at an outdated version answers that it is stale, and writes nothing.
    a_stale_swap_writes_nothing [Cas]
    /// A swap answers the version that `get` then reads.
    a_swap_answers_the_version_that_get_reads [Cas]
    /// Of two swaps from one read, the second one is stale.
    of_two_swaps_from_one_read_one_writes [Cas]
    /// A swap that expects no key creates it.
    a_swap_on_an_absent_key_creates_it [Cas]
    /// A swap that expects no key is stale once another caller created it.
    a_swap_on_an_absent_key_loses_to_a_creator [Cas]
    /// A swap that expects no key finds one of an empty value there.
    an_empty_value_is_no_absent_key_to_a_swap [Cas]
    /// A swap at a version is stale once the key is deleted, and does not bring it back.
    a_swap_brings_no_deleted_key_back [Cas]
    /// A swap can delete what was read.
    a_swap_can_delete [Cas]
    /// A stale swap deletes nothing.
    a_stale_swap_deletes_nothing [Cas]
    /// A swap that expects no key and deletes is done where there is none.
    deleting_what_is_absent_is_a_swap_too [Cas]
    /// A stale swap leaves the version as it was, so that the right one still succeeds.
    a_stale_swap_leaves_the_version [Cas]
    /// A value that was changed and changed back is not taken for unchanged.
    a_value_changed_and_changed_back_is_stale [CasByVersion]
    /// A key that was deleted and set to the same value again is not taken for unchanged.
    a_key_deleted_and_created_again_is_stale [CasByVersion]
    /// An increment makes what was read before it stale.
    an_increment_makes_a_read_stale [Cas Increment]
    /// A batch makes what was read before it stale.
    a_batch_makes_a_read_stale [Cas]
    /// An increment of an absent key starts at the delta.
    an_increment_of_an_absent_key_starts_at_the_delta [Increment]
    /// An increment answers the new value.
    an_increment_answers_the_new_value [Increment]
    /// An increment by zero answers the value, and leaves it.
    an_increment_by_zero_answers_the_value [Increment]
    /// A counter is its decimal text, which `get` reads.
    a_counter_is_its_decimal_text [Increment]
    /// A counter can be set as text.
    a_counter_can_be_set_as_text [Increment]
    /// A counter counts down too, and past zero.
    a_counter_counts_down_past_zero [Increment]
    /// A counter reaches both ends of its range.
    a_counter_reaches_both_ends_of_its_range [Increment]
    /// An increment past the top of the range is refused, and changes nothing.
    an_increment_past_the_top_is_refused [Increment]
    /// An increment past the bottom of the range is refused, and changes nothing.
    an_increment_past_the_bottom_is_refused [Increment]
    /// What is not the decimal text of a number is not counted on, and left as it is.
    what_is_no_number_is_not_counted_on [Increment]
    /// An increment changes the version.
    an_increment_changes_the_version [CasByVersion Increment]
    /// A refused increment changes no version.
    a_refused_increment_changes_no_version [Increment]
}

transact {
    /// All writes of a transaction happen if all of its checks hold.
    a_transaction_whose_checks_hold_writes_all [Transact]
    /// If a check does not hold, the answer names it, and nothing is written.
    a_stale_check_is_named_and_nothing_is_written [Transact]
    /// A transaction answers the versions that `get` reads, the values of counters, and whether
    /// there was something to delete.
    a_transaction_answers_versions_and_counters [Transact]
    /// If an increment is refused, nothing of the transaction is written.
    a_refused_increment_undoes_the_transaction [Transact]
    /// A transaction that writes a key twice is refused.
    a_key_written_twice_is_refused [Transact]
    /// A transaction of more operations than declared is refused.
    a_transaction_past_the_declared_number_is_refused [Transact]
    /// A transaction of more bytes than declared is refused.
    a_transaction_past_the_declared_bytes_is_refused [Transact]
    /// A grant for reading, and the prefix of a grant, hold in a transaction.
    a_grant_holds_in_a_transaction [Transact]
    /// Limits of keys and values hold in a transaction.
    limits_hold_in_a_transaction [Transact]
    /// A set in a transaction has its time to live, and an increment keeps the one there is.
    times_to_live_hold_in_a_transaction [Transact Ttl]
    /// A watch delivers each write of a transaction.
    a_watch_delivers_the_writes_of_a_transaction [Transact Watch]
    /// Writes of several buckets happen as one.
    writes_of_several_buckets_happen_as_one [TransactStore Buckets]
    /// Concurrent transfers between counters keep their sum, in every reading of all of them.
    concurrent_transfers_keep_the_sum [Transact]
}

batch {
    /// `get_many` answers in the order asked.
    get_many_answers_in_the_order_asked []
    /// `get_many` answers a key as often as it was asked.
    get_many_answers_duplicates []
    /// `get_many` separates absent keys from present ones.
    get_many_separates_absent_keys_from_present_ones []
    /// `get_many` reads the values and versions that `get` reads.
    get_many_reads_what_get_reads []
    /// A reading with expiry reads the values and versions that `get` reads, in the order asked.
    get_with_expiry_reads_what_get_reads []
    /// `set_many` writes every entry.
    set_many_writes_every_entry []
    /// Of a key given twice to `set_many`, the last value stands.
    of_a_key_set_twice_the_last_value_stands []
    /// `delete_many` removes its keys and no other.
    delete_many_removes_its_keys_and_no_other []
    /// `delete_many` minds neither absent keys nor duplicates.
    delete_many_minds_no_absent_keys []
    /// A batch of nothing succeeds.
    a_batch_of_nothing_succeeds []
    /// A batch may have more keys than services take in one call.
    a_batch_may_have_thousands_of_keys []
    /// A batch may have keys and values of every kind.
    a_batch_may_have_keys_of_every_kind []
    /// A batch with a key that is refused writes nothing of the rest.
    a_batch_with_a_bad_key_writes_nothing []
    /// Readers see an atomic batch whole or not at all.
    readers_see_an_atomic_batch_whole [AtomicBatch]
    /// Two atomic batches of the same keys do not mix.
    atomic_batches_of_the_same_keys_do_not_mix [AtomicBatch]
    /// Readers see an atomic deletion whole or not at all.
    readers_see_an_atomic_deletion_whole [AtomicBatch]
}

watch {
    /// A watch delivers a set, with its value.
    a_watch_delivers_a_set [Watch]
    /// A watch delivers a deletion, and does not call it an expiration.
    a_watch_delivers_a_deletion [Watch]
    /// A watch delivers nothing from before it began.
    a_watch_delivers_nothing_from_before_it_began [Watch]
    /// Events of one key come in the order of its writes.
    events_of_a_key_come_in_order [Watch]
    /// An event has the value that its write stored, not what is there by now.
    an_event_has_the_value_of_its_write [Watch]
    /// An event has the version of its write, where it has one.
    an_event_has_the_version_of_its_write [Watch]
    /// A watch of one key delivers no other key's changes.
    a_watch_of_a_key_delivers_no_other [Watch]
    /// A watch of a prefix delivers changes of keys that begin with it, and no others.
    a_watch_of_a_prefix_delivers_its_keys_only [Watch]
    /// A watch of several filters delivers each change once; a watch of none delivers nothing.
    a_watch_of_several_filters_delivers_a_change_once [Watch]
    /// Punctuation in what is watched stands for itself.
    what_is_watched_is_no_pattern [Watch]
    /// A watch delivers increments, as the sets that they are.
    a_watch_delivers_increments [Watch Increment]
    /// A watch delivers swaps, except stale ones.
    a_watch_delivers_swaps [Watch Cas]
    /// A watch does not deliver refused writes.
    a_watch_does_not_deliver_refused_writes [Watch Increment]
    /// A watch delivers every write of a batch.
    a_watch_delivers_every_write_of_a_batch [Watch]
    /// Every watch of a bucket receives all of its changes.
    every_watch_hears_everything [Watch]
    /// An unread watch holds up neither writers nor other watches.
    an_unread_watch_holds_nothing_up [Watch]
    /// A dropped watch disturbs neither writers nor other watches.
    a_dropped_watch_disturbs_no_other [Watch]
    /// A watch receives nothing from other buckets.
    a_watch_hears_nothing_of_other_buckets [Watch Buckets]
    /// A watch receives the last of concurrent writes of a key last.
    a_watch_hears_the_last_write_last [Watch]
    /// A watch resumed from an event delivers every later one, once; one that coalesces, the last
    /// state of each key at least.
    a_resumed_watch_misses_nothing [ResumableWatch]
    /// A resumable watch delivers every write separately, and counts none as coalesced.
    a_watch_that_resumes_coalesces_nothing [EveryChange]
    /// A watch, and one resumed from any of its events, delivers the last state of every key that
    /// changed, and no older one after it.
    the_last_state_of_every_key_is_delivered [ResumableWatch]
    /// A watch that delivered nothing can be resumed from its start.
    a_watch_resumes_from_its_beginning [ResumableWatch]
    /// A resumed watch keeps to its filter.
    a_resumed_watch_keeps_to_its_filter [ResumableWatch]
    /// A watch resumed from the position that it reports misses and repeats nothing.
    how_far_a_watch_has_come_is_where_it_resumes [ResumableWatch]
    /// The position that a watch reports advances past changes that its filter excludes.
    a_watch_position_advances_past_filtered_changes [ResumableWatch]
    /// Text that never was a token is refused.
    text_that_never_was_a_token_is_refused [ResumableWatch]
    /// A token of another bucket is refused.
    a_token_of_another_bucket_is_refused [ResumableWatch Buckets]
    /// A token of another store is refused, also of a bucket of the same name.
    a_token_of_another_store_is_refused [ResumableWatch BriefHistory]
    /// A watch resumes after a restart where it ended.
    a_watch_resumes_after_a_restart [ResumableWatch Restart]
    /// A token from before the history that is kept is refused as compacted.
    a_token_from_before_the_history_is_refused [ResumableWatch BriefHistory]
    /// A watch that fell behind the history ends as compacted, or reports the gap.
    a_watch_that_fell_behind_reports_the_gap [Watch BriefHistory]
}

ttl {
    /// A key is gone when its time ends, and not before.
    a_key_is_gone_when_its_time_ends [Ttl]
    /// A key with a time to live is there until then, like any other.
    a_key_is_there_until_its_time_ends [Ttl]
    /// A key without a time to live stays when others expire.
    nothing_expires_that_was_not_asked_to [Ttl]
    /// A set without a time to live ends an earlier one.
    a_set_ends_an_earlier_time_to_live [Ttl]
    /// A set with a time to live replaces an earlier one.
    a_set_replaces_an_earlier_time_to_live [Ttl]
    /// A deletion ends a time to live: a key set again afterwards stays.
    a_deletion_ends_a_time_to_live [Ttl]
    /// A batch ends the times to live of what it sets.
    a_batch_ends_earlier_times_to_live [Ttl]
    /// A time to live that was replaced ends nothing, however late what is over is cleared away.
    a_time_that_was_replaced_ends_nothing [Ttl Watch Swept]
    /// A key that is set again after its time has ended stays.
    a_key_set_again_after_its_time_stays [Ttl]
    /// A refused write neither ends nor gives a time to live.
    a_refused_write_changes_no_time_to_live [Ttl]
    /// An increment keeps the time to live that there is.
    an_increment_keeps_the_time_to_live [Ttl Increment]
    /// An increment does not postpone the end of a time to live.
    an_increment_postpones_no_end [Ttl Increment]
    /// An increment gives a key that it creates the time to live that is asked for.
    an_increment_gives_what_it_creates_its_time_to_live [Ttl Increment]
    /// An increment gives a key that is there no time to live, and takes none.
    an_increment_gives_what_is_there_no_time_to_live [Ttl Increment]
    /// An increment with a time to live out of bounds is refused, and changes nothing.
    an_increment_for_a_time_out_of_bounds_is_refused [Ttl Increment]
    /// An expired counter starts over.
    an_expired_counter_starts_over [Ttl Increment]
    /// A swap can give a time to live.
    a_swap_can_give_a_time_to_live [Ttl Cas]
    /// A swap without a time to live ends an earlier one.
    a_swap_ends_an_earlier_time_to_live [Ttl Cas]
    /// A stale swap neither ends nor gives a time to live.
    a_stale_swap_changes_no_time_to_live [Ttl Cas]
    /// An expired key is absent for a swap, and its version stale.
    an_expired_key_is_absent_for_a_swap [Ttl Cas]
    /// An expired key is in no answer: not `exists`, not `get_many`.
    an_expired_key_is_in_no_answer [Ttl]
    /// An expired key is not listed.
    an_expired_key_is_not_listed [Ttl List]
    /// A watch delivers the expiration of a key, as one.
    a_watch_delivers_expirations [Ttl Watch Swept]
    /// The expiration of a key is delivered once, before the next write of the key, or as declared
    /// not at all. No deletion is delivered instead.
    an_expiration_is_delivered_before_the_next_write [Ttl Watch]
    /// A resumed watch delivers what expired while no watch was open.
    a_resumed_watch_delivers_missed_expirations [Ttl ResumableWatch Swept]
    /// A reading with expiry has what is left of a time to live, or that there is none.
    a_reading_has_what_is_left_of_a_time_to_live [Ttl]
    /// What is left of a time to live runs down.
    what_is_left_of_a_time_to_live_runs_down [Ttl]
    /// A write decides when its entry expires; an increment leaves it.
    a_write_decides_when_its_entry_expires [Ttl]
    /// A time to live of nothing, or past 100 years, is refused, and nothing is written.
    a_time_to_live_has_bounds [Ttl]
    /// A time to live continues across a restart.
    a_time_to_live_survives_a_restart [Ttl Restart]
}

limits {
    /// A key of no bytes is refused by every call.
    an_empty_key_is_refused []
    /// A key past the limit is refused by every call, however few its characters.
    a_key_past_the_limit_is_refused []
    /// A value of the largest size is read as it was written, also under the longest key.
    a_value_of_the_largest_size_is_held []
    /// A value past the limit is refused, and what was there stays.
    a_value_past_the_limit_is_refused []
    /// A swap past the limits is refused, and what was there stays.
    a_swap_past_the_limits_is_refused [Cas]
    /// A batch of too many keys is refused, and nothing of it is written.
    a_batch_of_too_many_keys_is_refused []
    /// A batch of too many bytes is refused, and nothing of it is written.
    a_batch_of_too_many_bytes_is_refused []
    /// A key of the longest length can do all that others can.
    the_longest_key_can_do_all_that_others_can []
    /// The longest key that a store declares can do all too, where that is more than hosts allow.
    the_longest_key_declared_can_do_all_too [LongestKey]
    /// A store itself refuses keys that are longer than it declares, and nothing is written.
    a_store_refuses_longer_keys_than_it_declares [LongestKey]
    /// A store itself refuses values that are larger than it declares, and the old value stays.
    a_store_refuses_larger_values_than_it_declares [LargestValue]
    /// A store refuses by itself keys outside its alphabet, and nothing is written.
    a_store_refuses_keys_outside_its_alphabet [Alphabet]
    /// A store refuses by itself batches of more keys than it declares, and takes the longest.
    a_store_refuses_longer_batches_than_it_declares [LongestBatch]
    /// A store refuses by itself batches of more bytes than it declares.
    a_store_refuses_larger_batches_than_it_declares [LargestBatch]
    /// A value that is larger than the caller can hold is refused, and not reported as absent.
    a_value_that_the_caller_cannot_hold_is_refused []
    /// Values that the caller cannot hold together are refused; one that is asked for twice counts
    /// twice.
    values_that_the_caller_cannot_hold_together_are_refused []
}

errors {
    /// A bucket works after a refused call, also for the key of that call.
    a_refused_call_leaves_the_bucket_usable []
    /// A refused increment leaves other counters usable.
    a_refused_increment_leaves_other_counters_usable [Increment]
    /// An answer that its caller drops does no harm.
    a_dropped_answer_does_no_harm []
    /// A refusal reads as one line, for people.
    a_refusal_reads_as_one_line [Increment]
    /// A closed store takes no more writes, and says that nothing happened.
    a_closed_store_takes_no_writes [Restart]
    /// What was acknowledged before a store was closed is there when it is opened again.
    closing_a_store_loses_nothing [Restart]
    /// What was acknowledged is there when a store was dropped without being closed.
    a_dropped_store_loses_nothing_acknowledged [Restart]
    /// A closed store can be closed again.
    a_closed_store_can_be_closed_again [Restart]
}

isolation {
    /// Two buckets share no keys.
    two_buckets_share_no_keys [Buckets]
    /// Names and keys that are the same when joined stay apart.
    names_and_keys_that_collide_when_joined_stay_apart [Buckets]
    /// A listing has the keys of its own bucket only.
    a_listing_has_its_own_bucket_only [Buckets List]
    /// A deletion in one bucket leaves the other.
    a_deletion_leaves_other_buckets [Buckets]
    /// Counters of two buckets count apart.
    counters_of_two_buckets_count_apart [Buckets Increment]
    /// A write in one bucket makes no swap of another stale.
    a_write_makes_no_swap_of_another_bucket_stale [Buckets Cas]
    /// Batches keep to their bucket.
    batches_keep_to_their_bucket [Buckets]
    /// Names of buckets are compared byte by byte.
    names_of_buckets_are_compared_byte_by_byte [Buckets]
    /// A bucket may have any name of up to 255 bytes.
    a_bucket_may_have_any_name [Buckets]
    /// A store that lists its buckets lists one while it holds something.
    a_bucket_is_listed_while_it_holds_something [Buckets]
    /// A bucket whose keys have all expired is no longer listed.
    a_bucket_whose_keys_expired_is_not_listed [Buckets Ttl]
    /// Forgetting a bucket that holds something does nothing, to its history either.
    forgetting_what_holds_something_does_nothing [Buckets]
    /// A bucket that was emptied and forgotten starts empty, and others stay.
    a_forgotten_bucket_starts_empty [Buckets]
    /// A time to live in one bucket ends nothing in another.
    a_time_to_live_keeps_to_its_bucket [Buckets Ttl]
}

concurrency {
    /// Increments from 32 tasks are all counted, and each is answered another value.
    increments_from_32_tasks_are_all_counted [Increment]
    /// Of 32 creators of one key, one wins, and its answer says so.
    of_32_creators_one_wins [Cas]
    /// Of 32 swaps from one read, one writes.
    of_32_swaps_from_one_read_one_writes [Cas]
    /// A counter kept by swaps loses no step.
    a_counter_kept_by_swaps_loses_no_step [Cas]
    /// Swaps and increments of one counter lose none of each other.
    swaps_and_increments_lose_none_of_each_other [CasByVersion Increment]
    /// Of 32 swaps that delete what was read, one does.
    of_32_deleting_swaps_one_deletes [Cas]
    /// A reader beside writers sees whole values.
    a_reader_sees_whole_values []
    /// What was acknowledged is in every read that begins later, of any handle.
    what_was_acknowledged_every_later_read_sees []
    /// Writers of different keys do not disturb each other.
    writers_of_different_keys_do_not_disturb_each_other []
    /// Sets and deletions beside each other leave a value that was set, or none.
    sets_and_deletions_leave_one_of_them []
    /// A bucket opened by 32 tasks at once is one bucket.
    a_bucket_opened_by_32_tasks_is_one []
    /// `get_many` beside writers never goes back behind what was acknowledged.
    get_many_sees_what_was_acknowledged []
}

    } };
}
