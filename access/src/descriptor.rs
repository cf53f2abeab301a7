//! Windows security descriptors as text, in the Security Descriptor Definition Language (SDDL).
//!
//! Source: [MS-DTYP] 2.5.1, "Security Descriptor Description Language". Writes the descriptors of
//! private files and folders, and decides who has access under a descriptor that was read.

/// Administrators and the system, as SDDL abbreviations and as SIDs. Both can read every file
/// anyway.
const ADMINISTRATION: [&str; 4] = ["BA", "SY", "S-1-5-32-544", "S-1-5-18"];
/// The owner of the file, and the creator of a file in the folder, as SDDL abbreviations and as
/// SIDs.
const OWNER: [&str; 4] = ["OW", "CO", "S-1-3-4", "S-1-3-0"];

/// An empty access list: only entries inherited from the folder apply.
pub(crate) const INHERITED: &str = "D:";

/// The descriptor of a file that only `user` can access; it inherits nothing from the folder.
pub(crate) fn private_file(user: &str) -> String {
    format!("D:P(A;;FA;;;{user})")
}

/// The descriptor of a folder that only `user` can access; files and folders inside inherit it.
pub(crate) fn private_folder(user: &str) -> String {
    format!("D:P(A;OICI;FA;;;{user})")
}

/// Whether the access list is protected: it inherits nothing from the folder.
pub(crate) fn is_protected(descriptor: &str) -> bool {
    access_list(descriptor).is_some_and(|list| flags(list).contains('P'))
}

/// Whether `owner` is `user`, an administrator or the system.
pub(crate) fn is_known_owner(owner: &str, user: &str) -> bool {
    let is_abbreviated = |end: &str, name: &str| user.ends_with(end) && owner == name;
    let abbreviations = [("-500", "LA"), ("-501", "LG"), ("S-1-5-19", "LS"), ("S-1-5-20", "NS")];
    owner == user
        || ADMINISTRATION.contains(&owner)
        || abbreviations.into_iter().any(|(end, name)| is_abbreviated(end, name))
}

/// The owner: the text after `O:`.
pub(crate) fn owner(descriptor: &str) -> Option<&str> {
    let rest = descriptor.strip_prefix("O:")?;
    let end = ["G:", "D:", "S:"].into_iter().filter_map(|part| rest.find(part)).min();
    Some(&rest[..end.unwrap_or(rest.len())])
}

/// Whether anybody except `user`, administrators and the system has access. An entry that cannot be
/// understood counts as access.
pub(crate) fn is_exposed(descriptor: &str, user: &str) -> bool {
    let Some(list) = access_list(descriptor) else {
        // A file without an access list is open to everybody.
        return true;
    };
    if flags(list).contains("NO_ACCESS_CONTROL") {
        return true;
    }
    let owner_is_known = owner(descriptor).is_some_and(|owner| is_known_owner(owner, user));
    let gives = |entry: &str| match entry.split(';').collect::<Vec<_>>()[..] {
        // An inherit-only entry applies to new files in the folder, not to the folder itself.
        [_, flags, ..] if parts(flags).any(|flag| flag == "IO") => false,
        [kind, _, _, _, _, trustee, ..] if kind.ends_with('A') || kind == "XA" => {
            let is_owner = OWNER.contains(&trustee) && owner_is_known;
            !(is_owner || is_known_owner(trustee, user))
        }
        ["D" | "OD" | "XD", ..] => false,
        _ => true,
    };
    entries(list).any(gives)
}

/// The access list after `D:`: flags, then entries in parentheses.
fn access_list(descriptor: &str) -> Option<&str> {
    let begin = match descriptor.find("D:") {
        Some(at) => at + 2,
        None => return None,
    };
    let list = &descriptor[begin..];
    Some(&list[..list.find("S:(").or_else(|| list.find("S:A")).unwrap_or(list.len())])
}

fn flags(list: &str) -> &str {
    list.split('(').next().unwrap_or_default()
}

fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split('(').skip(1).map(|entry| entry.split(')').next().unwrap_or_default())
}

/// Splits the flags of an entry, which have two letters each.
fn parts(flags: &str) -> impl Iterator<Item = &str> {
    (0..flags.len()).step_by(2).filter_map(|at| flags.get(at..at + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: &str = "S-1-5-21-1-2-3-1001";

    #[test]
    fn what_is_written_is_this_users_alone() {
        for text in [private_file(ME), private_folder(ME)] {
            assert!(!is_exposed(&format!("O:{ME}G:{ME}{text}"), ME), "{text}");
            assert!(is_exposed(&format!("O:{ME}{text}"), "S-1-5-21-1-2-3-1002"), "{text}");
            assert!(is_protected(&text));
        }
        assert!(!is_protected(INHERITED));
    }

    #[test]
    fn every_entry_for_somebody_else_exposes() {
        for (list, exposed) in [
            (format!("D:(A;;FA;;;{ME})"), false),
            (format!("D:PAI(A;;FA;;;{ME})(A;;FA;;;SY)(A;ID;FA;;;BA)"), false),
            (format!("D:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;FA;;;{ME})"), false),
            ("D:(A;;FA;;;OW)".to_owned(), false),
            (format!("D:(A;;FA;;;{ME})(A;;FR;;;WD)"), true),
            (format!("D:(A;;FA;;;{ME})(A;ID;0x1200a9;;;BU)"), true),
            (format!("D:(A;OICIIO;GR;;;BU)(A;;FA;;;{ME})"), false),
            (format!("D:(D;;FR;;;WD)(A;;FA;;;{ME})"), false),
            (format!("D:(OA;;FR;;;AU)(A;;FA;;;{ME})"), true),
            ("D:NO_ACCESS_CONTROL".to_owned(), true),
            (format!("D:(A;;FA;;;{ME})S:AI(ML;;NW;;;LW)"), false),
            ("D:P".to_owned(), false),
            (String::new(), true),
        ] {
            assert_eq!(is_exposed(&format!("O:{ME}G:DU{list}"), ME), exposed, "{list}");
        }
        let of_another = "O:S-1-5-21-1-2-3-1002G:DUD:(A;;FA;;;OW)";
        assert!(is_exposed(of_another, ME));
    }

    #[test]
    fn the_owner_is_read() {
        assert_eq!(owner("O:BAG:SYD:(A;;FA;;;BA)"), Some("BA"));
        assert_eq!(owner(&format!("O:{ME}D:P")), Some(ME));
        assert_eq!(owner("O:SY"), Some("SY"));
        assert_eq!(owner("D:P"), None);
        assert!(is_known_owner("BA", ME) && is_known_owner(ME, ME) && !is_known_owner("WD", ME));
        // The built-in administrator account is abbreviated.
        assert!(is_known_owner("LA", "S-1-5-21-1-2-3-500") && !is_known_owner("LA", ME));
    }
}
