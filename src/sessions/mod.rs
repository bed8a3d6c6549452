//! How sessions start, advance and are imported, and which steps are ahead of them: the convenient way beside plain
//! SQL.

pub mod advance;
pub mod import;
pub mod next_steps;
pub mod start;
