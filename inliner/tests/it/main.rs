//! All tests of the inliner in one program, because linking takes the longest.

#[path = "../support/app.rs"]
mod app;
#[path = "../support/bundles.rs"]
mod bundles;
#[path = "../support/hiding.rs"]
mod hiding;
#[path = "../support/pieces.rs"]
mod pieces;
#[path = "../support/program.rs"]
mod program_support;
#[path = "../support/programs.rs"]
mod programs;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tree.rs"]
mod tree;
#[path = "../support/trees.rs"]
mod trees;
#[path = "../support/world.rs"]
mod world;

mod again;
mod answers;
mod corpus;
mod early;
mod faults;
mod fixtures;
mod generated;
mod hostile;
mod hostile_folders;
mod kill;
mod leak_forms;
mod leaks;
mod left_alone;
mod links;
mod map_files;
mod maps;
mod named;
mod outputs;
mod outside;
mod packages;
mod platforms;
mod prelude;
mod prelude_maps;
mod prelude_rules;
mod printed;
mod program;
mod reads;
mod report_page;
mod robust;
mod runs;
mod tokens;
mod vite_apps;
