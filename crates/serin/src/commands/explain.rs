//! `serin explain`: what is accepted and has no effect here, or another than on AWS, and why.

use std::fmt::Write as _;

use anyhow::Result;
use api::Explanation;

use crate::{
    cli,
    exit::{self, Refusal},
    print,
};

/// What each service has to explain, in the order in which it is shown.
const SERVICES: [(&str, &[Explanation]); 5] = [
    ("appmesh", appmesh::EXPLAINED),
    ("cloudformation", cloudformation::EXPLAINED),
    ("ec2", ec2::EXPLAINED),
    ("ecr", ecr::EXPLAINED),
    ("ecs", ecs::EXPLAINED),
];

/// One of them, with its service.
type Line = (&'static str, &'static Explanation);

/// Prints them, all or those of one resource.
pub(crate) fn run(options: &cli::Explain) -> Result<()> {
    Ok(print::text(text(&lines(), options.resource.as_deref())?)?)
}

fn lines() -> Vec<Line> {
    SERVICES.iter().flat_map(|(service, table)| table.iter().map(|known| (*service, known))).collect()
}

/// A resource is named as AWS names it, `TaskDefinition` or `AWS::ECS::TaskDefinition`; a service by its short name.
fn text(lines: &[Line], wanted: Option<&str>) -> Result<String> {
    let name = wanted.map(|wanted| wanted.rsplit("::").next().unwrap_or(wanted).to_lowercase());
    let is_wanted = |(service, known): &&Line| {
        name.as_ref().is_none_or(|name| known.resource.to_lowercase() == *name || *service == name.as_str())
    };
    let chosen: Vec<&Line> = lines.iter().filter(is_wanted).collect();
    if chosen.is_empty() {
        let mut known: Vec<&str> = lines.iter().map(|(_, known)| known.resource).collect();
        known.dedup();
        let wanted = wanted.unwrap_or_default();
        let message = format!(
            "of {wanted} all that is accepted is done; members without effect are there of {}",
            known.join(", ")
        );
        return Err(Refusal::new(exit::USAGE, message).into());
    }
    let mut text = String::new();
    let mut before = None;
    for (service, known) in chosen {
        if before != Some((service, known.resource)) {
            let gap = if before.is_some() { "\n" } else { "" };
            let _ = writeln!(text, "{gap}{service} {}", known.resource);
        }
        before = Some((service, known.resource));
        let _ = writeln!(text, "  {}: {}", known.member, known.reason);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_found_by_either_spelling_and_by_their_service() {
        let lines = lines();
        let short = text(&lines, Some("TaskDefinition")).unwrap();
        assert_eq!(short, text(&lines, Some("AWS::ECS::TaskDefinition")).unwrap());
        assert!(short.starts_with("ecs TaskDefinition\n  "), "{short}");
        assert!(text(&lines, Some("ecs")).unwrap().contains(&short));
        assert!(text(&lines, None).unwrap().contains("cloudformation "));
    }

    #[test]
    fn what_has_nothing_to_explain_is_told_so() {
        let wrong = text(&lines(), Some("Mesh")).unwrap_err().to_string();
        assert!(wrong.contains("of Mesh") && wrong.contains("TaskDefinition"), "{wrong}");
    }
}
