//! The rules, one per file.

mod absences;
mod arrows;
mod codemap;
mod decisions;
mod hosts;
mod length;
mod links;
mod manifests;
mod names;
mod settings;
mod size;
mod words;

pub(crate) use self::arrows::Crates;

use crate::{Finding, Tree};

/// Everything that is wrong, rule by rule.
pub(crate) fn check(tree: &Tree, crates: &Crates) -> Vec<Finding> {
    let mut findings = arrows::check(crates);
    findings.extend(codemap::check(tree, crates));
    let rules = [
        manifests::check,
        absences::check,
        names::check,
        length::check,
        size::check,
        words::check,
        hosts::check,
        links::check,
        decisions::check,
        settings::check,
    ];
    findings.extend(rules.iter().flat_map(|rule| rule(tree)));
    findings
}
