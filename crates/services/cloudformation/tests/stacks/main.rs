//! Stacks from request to rest, over a service that misbehaves on demand.

#![expect(unreachable_pub, reason = "the modules of a test share everything, and nobody else sees it")]
#![allow(clippy::unwrap_used, reason = "a test program, in parts")]

mod canary;
mod changes;
mod crash;
mod house;
mod life;
mod sharing;
mod things;

/// Three things on top of each other and one beside them.
pub const TOWER: &str = "
Parameters:
  Base: {Type: String, Default: rock}
  Size: {Type: Number, Default: 1}
Resources:
  Ground:
    Type: Test::Thing
    Properties: {Base: !Ref Base}
  Wall:
    Type: Test::Thing
    Properties: {Uses: [!Ref Ground], Size: !Ref Size}
  Roof:
    Type: Test::Thing
    Properties: {Uses: [!Ref Wall]}
  Tree:
    Type: Test::Thing
Outputs:
  Top: {Value: !Ref Roof, Export: {Name: top}}
  Name: {Value: !GetAtt Tree.Name}
  Bottom: {Value: !Ref Ground}
";
