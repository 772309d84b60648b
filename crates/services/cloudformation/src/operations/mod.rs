//! What can be asked of CloudFormation.

mod canary;
mod change_set;
mod describe;
mod event;
mod export;
mod lookup;
mod prepare;
mod resource;
mod stack;
mod template;

use api::cloudformation as op;
use wire::{Bound, bind};

use crate::Cloudformation;

/// The table, in the order of the API reference.
pub(crate) fn operations() -> Vec<Bound<Cloudformation>> {
    vec![
        bind::<op::CancelUpdateStack, _, _, _, _>(stack::cancel_update_stack),
        bind::<op::ContinueUpdateRollback, _, _, _, _>(stack::continue_update_rollback),
        bind::<op::CreateChangeSet, _, _, _, _>(change_set::create_change_set),
        bind::<op::CreateStack, _, _, _, _>(stack::create_stack),
        bind::<op::DeleteChangeSet, _, _, _, _>(change_set::delete_change_set),
        bind::<op::DeleteStack, _, _, _, _>(stack::delete_stack),
        bind::<op::DescribeChangeSet, _, _, _, _>(change_set::describe_change_set),
        bind::<op::DescribeStackEvents, _, _, _, _>(event::describe_stack_events),
        bind::<op::DescribeStackResource, _, _, _, _>(resource::describe_stack_resource),
        bind::<op::DescribeStackResources, _, _, _, _>(resource::describe_stack_resources),
        bind::<op::DescribeStacks, _, _, _, _>(describe::describe_stacks),
        bind::<op::ExecuteChangeSet, _, _, _, _>(change_set::execute_change_set),
        bind::<op::GetTemplate, _, _, _, _>(template::get_template),
        bind::<op::GetTemplateSummary, _, _, _, _>(template::get_template_summary),
        bind::<op::ListChangeSets, _, _, _, _>(change_set::list_change_sets),
        bind::<op::ListExports, _, _, _, _>(export::list_exports),
        bind::<op::ListImports, _, _, _, _>(export::list_imports),
        bind::<op::ListStackResources, _, _, _, _>(resource::list_stack_resources),
        bind::<op::ListStacks, _, _, _, _>(describe::list_stacks),
        bind::<op::RollbackStack, _, _, _, _>(stack::rollback_stack),
        bind::<op::UpdateStack, _, _, _, _>(stack::update_stack),
        bind::<op::UpdateTerminationProtection, _, _, _, _>(stack::update_termination_protection),
        bind::<op::ValidateTemplate, _, _, _, _>(template::validate_template),
    ]
}
