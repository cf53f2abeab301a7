//! Windows implementation: access lists and owners.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::windows::fs::OpenOptionsExt;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use windows_permissions::constants::{SeObjectType::SE_FILE_OBJECT, SecurityInformation};
use windows_permissions::utilities::current_process_sid;
use windows_permissions::wrappers::{
    ConvertSecurityDescriptorToStringSecurityDescriptor, ConvertSidToStringSid, GetSecurityInfo,
    SetNamedSecurityInfo, SetSecurityInfo,
};
use windows_permissions::{LocalBox, SecurityDescriptor};

use crate::descriptor;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Access {
    Private,
    /// The access list that the file inherits from its folder.
    Inherited,
    /// The access list of another file, as SDDL text.
    Kept(String),
}

pub(crate) const PRIVATE: Access = Access::Private;
pub(crate) const READABLE: Access = Access::Inherited;

/// Access rights for opening a file: [MS-DTYP] 2.4.3 and [MS-SMB2] 2.2.13.1.
const GENERIC_READ: u32 = 0x8000_0000;
const GENERIC_WRITE: u32 = 0x4000_0000;
const WRITE_DAC: u32 = 0x0004_0000;
const READ_CONTROL: u32 = 0x0002_0000;
/// Flags of CreateFileW: the first one also opens folders, the second one opens a link instead of
/// its target.
const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;

/// Pauses in milliseconds between attempts to replace a file that a virus scanner or an editor has
/// open.
const PATIENCE: [u64; 6] = [5, 10, 20, 50, 100, 200];

pub(crate) fn of(path: &Path) -> io::Result<Access> {
    read(&open(path, 0)?).map(Access::Kept)
}

pub(crate) fn give(file: &File, access: &Access) -> io::Result<()> {
    let text = match access {
        Access::Inherited => descriptor::INHERITED.to_owned(),
        Access::Private => descriptor::private_file(&user()?),
        Access::Kept(text) => text.clone(),
    };
    let wanted = parse(&text)?;
    // The wrapper requires a mutable handle.
    let mut handle = file.try_clone()?;
    SetSecurityInfo(&mut handle, SE_FILE_OBJECT, list_of(&text), None, None, wanted.dacl(), None)
}

pub(crate) fn create_new(path: &Path, access: &Access) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).access_mode(GENERIC_READ | GENERIC_WRITE | WRITE_DAC);
    // Exclusive access: nobody else can open the file while it still has the folder's access list,
    // or before this handle is closed.
    options.share_mode(0);
    let file = options.open(path)?;
    if *access == Access::Inherited {
        return Ok(file);
    }
    if let Err(error) = give(&file, access) {
        drop(file);
        let _ = fs::remove_file(path);
        return Err(error);
    }
    Ok(file)
}

pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    make_folder_private(path)
}

pub(crate) fn make_folder_private(path: &Path) -> io::Result<()> {
    let text = descriptor::private_folder(&user()?);
    let wanted = parse(&text)?;
    SetNamedSecurityInfo(path, SE_FILE_OBJECT, list_of(&text), None, None, wanted.dacl(), None)
}

pub(crate) fn is_exposed(file: &File) -> io::Result<bool> {
    Ok(descriptor::is_exposed(&read(file)?, &user()?))
}

pub(crate) fn foreign_owner(path: &Path) -> Option<String> {
    let user = user().ok()?;
    let found = [FILE_FLAG_OPEN_REPARSE_POINT, 0].into_iter().filter_map(|flag| open(path, flag).ok());
    let mut owners = found.filter_map(|file| descriptor::owner(&read(&file).ok()?).map(str::to_owned));
    owners.find(|owner| !descriptor::is_known_owner(owner, &user))
}

pub(crate) fn owner(path: &Path) -> io::Result<String> {
    let text = read(&open(path, 0)?)?;
    descriptor::owner(&text).map(str::to_owned).ok_or_else(|| ErrorKind::Unsupported.into())
}

/// Windows has no call for this: NTFS has its own journal.
pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Retries, because Windows cannot replace an open file unless its opener allowed that. Virus
/// scanners close files soon.
pub(crate) fn replace(from: &Path, to: &Path) -> io::Result<()> {
    for pause in PATIENCE {
        match fs::rename(from, to) {
            Err(error) if is_in_use(&error) => sleep(Duration::from_millis(pause)),
            result => return result,
        }
    }
    fs::rename(from, to)
}

fn is_in_use(error: &io::Error) -> bool {
    /// ERROR_SHARING_VIOLATION.
    const SHARED: i32 = 32;
    error.raw_os_error() == Some(SHARED) || error.kind() == ErrorKind::PermissionDenied
}

/// Opens a file or folder to read its owner and access list.
fn open(path: &Path, flags: u32) -> io::Result<File> {
    OpenOptions::new().access_mode(READ_CONTROL).custom_flags(FILE_FLAG_BACKUP_SEMANTICS | flags).open(path)
}

fn read(file: &File) -> io::Result<String> {
    let parts = SecurityInformation::Owner | SecurityInformation::Dacl;
    let found = GetSecurityInfo(file, SE_FILE_OBJECT, parts)?;
    let text = ConvertSecurityDescriptorToStringSecurityDescriptor(&found, parts)?;
    text.into_string().map_err(|_| ErrorKind::InvalidData.into())
}

fn parse(text: &str) -> io::Result<LocalBox<SecurityDescriptor>> {
    text.parse()
}

/// Which part of the descriptor to write: the access list, with or without inheritance from the
/// folder.
fn list_of(text: &str) -> SecurityInformation {
    let inheritance = match descriptor::is_protected(text) {
        true => SecurityInformation::ProtectedDacl,
        false => SecurityInformation::UnprotectedDacl,
    };
    SecurityInformation::Dacl | inheritance
}

fn user() -> io::Result<String> {
    let user = current_process_sid()?;
    let name = ConvertSidToStringSid(&user)?;
    name.into_string().map_err(|_| ErrorKind::InvalidData.into())
}
