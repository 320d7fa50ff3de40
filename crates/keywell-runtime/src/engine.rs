use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::{Error, Options};

/// The most that a free slot keeps of its memory: what a component of ordinary size touches.
const KEPT_MEMORY: usize = 2 << 20;
/// The most that a free slot keeps of a table.
const KEPT_TABLE: usize = 64 << 10;
/// The most that a free slot keeps of a fibre's stack.
const KEPT_STACK: usize = 32 << 10;

/// How many of each one component may have. What they hold together is bounded by the memory of an
/// instance, so these only keep a component from taking the pool of all others.
const MEMORIES_PER_COMPONENT: u32 = 64;
const TABLES_PER_COMPONENT: u32 = 256;
const CORE_INSTANCES_PER_COMPONENT: u32 = 1024;

/// How many of each the pool has for an instance: components of more share those of others.
const MEMORIES_PER_INSTANCE: u32 = 2;
const TABLES_PER_INSTANCE: u32 = 4;

/// How many stacks the pool has for an instance that may run several tasks. A task that waits in the
/// middle of its code keeps one, and of each component within a component one task at a time does.
const STACKS_PER_INSTANCE: u32 = 4;

/// How many elements a table may have. They are address space until they are used.
const TABLE_ELEMENTS: usize = 1_000_000;

/// How an engine runs an instance: whether it runs several tasks in it, as components for WASI 0.3 need
/// it, and whether the same calls have the same results on every machine, as workers need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tasks {
    One,
    /// One, whose calls can be replayed.
    Replayed,
    Several,
}

/// An engine with a pool for the instances that the options allow: a chain of them for each place in
/// the room.
///
/// One that runs several tasks makes tables of tasks with every store, and a task of every call.
/// So there is another for components that need none of that, and a third for workers, whose code
/// spends time on the bits of NaN.
///
/// Slots reserve address space, not memory: 4 GiB and a guard for each linear memory, so that
/// bounds need no checks in compiled code, and 8 MB for each table. A free slot keeps what its last
/// instance touched, within bounds, which is what makes a new instance cheap. `pagemap_scan` stays off:
/// there are reports of pages that leak into the next instance.
pub(crate) fn engine(options: &Options, tasks: Tasks) -> Result<Engine, Error> {
    let instances = instances(options);
    let kept = (options.keep_resident / instances as usize).min(KEPT_MEMORY);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_stacks(stacks(options, tasks))
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .total_memories(
            instances
                .saturating_mul(MEMORIES_PER_INSTANCE)
                .saturating_add(MEMORIES_PER_COMPONENT),
        )
        .total_tables(
            instances
                .saturating_mul(TABLES_PER_INSTANCE)
                .saturating_add(TABLES_PER_COMPONENT),
        )
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_memories_per_module(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_tables_per_module(TABLES_PER_COMPONENT)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(options.memory)
        .linear_memory_keep_resident(kept)
        .table_keep_resident(KEPT_TABLE.min(kept))
        .async_stack_keep_resident(KEPT_STACK.min(kept));

    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .epoch_interruption(true)
        .concurrency_support(tasks == Tasks::Several)
        .cranelift_nan_canonicalization(tasks == Tasks::Replayed)
        .relaxed_simd_deterministic(tasks == Tasks::Replayed)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(20));
    Engine::new(&config).map_err(|error| Error::Engine(format!("{error:#}")))
}

/// How many stacks the pool of an engine has.
pub(crate) fn stacks(options: &Options, tasks: Tasks) -> u32 {
    match tasks {
        Tasks::One | Tasks::Replayed => instances(options),
        Tasks::Several => instances(options).saturating_mul(STACKS_PER_INSTANCE),
    }
}

fn instances(options: &Options) -> u32 {
    let places = options.instances.max(1);
    places.saturating_mul(options.chain.max(1))
}
