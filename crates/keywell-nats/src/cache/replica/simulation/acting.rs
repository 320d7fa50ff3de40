use super::super::origin::Origin;
use super::world::World;

/// What nodes do, and what has to hold of it.
pub(super) trait Acting {
    /// Does something at random on one of the nodes.
    fn act(&mut self, world: &mut World);

    /// A node crashed: what it did may be lost.
    fn crash(&mut self, origin: Origin);

    /// What does not hold, if anything, of copies that are to be equal.
    fn check(&self, world: &World) -> Result<(), String>;
}
