//! Frameworks' own builds: inlined, they answer every probe in an empty environment, and leak nothing.

mod astro;
mod lambda;
mod nuxt;
mod react_router;
mod sveltekit;
mod worker;
