//! Frameworks' own builds: inlined, they answer every probe in an empty environment, and leak nothing.

mod astro;
mod lambda;
mod next;
mod nuxt;
mod opennext;
mod react_router;
mod sveltekit;
mod vercel;
mod worker;
