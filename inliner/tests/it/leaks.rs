//! Values in files that must not hold them: where they are found, the origin of each leak, and
//! what the report says.

use crate::support;
use crate::tree;

use std::fs;
use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use capy_inliner::{Encoding, Leak, NotScanned, Origin, Report};
use support::{canary, values};
use tree::Tree;

/// `<p>one</p>\n<p>two canary.A.x9 canary.A.x9</p>\n<p>three</p>\n…`, as Node's zlib packs it.
const BROTLI: &str = "G1cC+I2ULu6Srs4TCqhAJhlMa9cF/+2Tg3a3D4nHItLkAjJkFCDTRIpB7uNzLz8qXmjuLQk=";

fn print(report: &Report) -> String {
    let mut out = Vec::new();
    report.print(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The one leak of a tree in which nothing else is wrong.
#[track_caller]
fn leak(tree: &Tree) -> Leak {
    let before = tree.contents();
    let report = tree.inline(&values()).unwrap();
    assert!(!report.written);
    assert_eq!(tree.contents(), before);
    let [leak] = &report.leaks[..] else { panic!("{:?}", report.leaks) };
    assert_eq!(leak.name, "A");
    assert!(!format!("{report:?}{}", print(&report)).contains("canary."), "{report:?}");
    leak.clone()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

fn write(tree: &Tree, name: &str, bytes: &[u8]) {
    tree.write(name, "");
    fs::write(tree.path(name), bytes).unwrap();
}

#[test]
fn each_kind_of_file_says_how_the_value_got_there() {
    for (file, origin, words) in [
        (".next/server/app/terms.html", Origin::Prerendered, "a prerendered page or payload"),
        (".next/static/chunks/x.js", Origin::ClientScript, "a client script"),
        (".next/static/x.css", Origin::StyleSheet, "a style sheet"),
        (".next/static/chunks/x.js.map", Origin::SourceMap, "a source map"),
        (".next/routes-manifest.json", Origin::Manifest, "a manifest of headers and redirects"),
        ("public/notes.txt", Origin::PublicFile, "a public file"),
        (".next/cache/webpack/0.pack", Origin::BuildCache, "a build cache"),
        (".next/standalone/apps/shop/.env.production", Origin::EnvCopy, "a copied env file"),
        (".next/trace", Origin::Unserved, "a build file that is not served"),
    ] {
        let tree = Tree::new();
        tree.write(file, &format!("one\n{}", canary("A")));
        let leak = leak(&tree);
        assert_eq!((leak.file, leak.line, leak.origin), (tree.path(file), 2, origin), "{file}");
        let text = print(&tree.inline(&values()).unwrap());
        assert!(text.contains(&format!("{file}:2: contains the value of A: {words}\n")), "{text}");
        assert_eq!(text.matches(&format!("hint: {words}: ")).count(), 1, "{text}");
    }
}

#[test]
fn an_env_file_of_the_applications_own_is_no_copy() {
    let tree = Tree::new();
    tree.write(".env.local", &canary("A"));
    assert!(tree.inline(&values()).unwrap().written);
}

#[test]
fn third_party_code_in_a_server_folder_is_neither_rewritten_nor_searched() {
    let tree = Tree::new();
    let text = format!("f(process.env.A,'{}')", canary("A"));
    for file in ["i.js", "i.js.map"] {
        tree.write(&format!(".next/server/node_modules/x/{file}"), &text);
    }
    let report = tree.inline(&values()).unwrap();
    assert!(report.written && report.leaks.is_empty());
    assert_eq!(tree.read(".next/server/node_modules/x/i.js"), text);
}

#[test]
fn a_compressed_twin_is_unpacked() {
    let html = format!("<p>one</p>\n<p>two {} {}</p>\n", canary("A"), canary("A"));
    let zstandard =
        ruzstd::encoding::compress_to_vec(html.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    for (extension, bytes) in
        [("gz", gzip(html.as_bytes())), ("br", STANDARD.decode(BROTLI).unwrap()), ("zst", zstandard)]
    {
        let tree = Tree::new();
        write(&tree, &format!("public/about.html.{extension}"), &bytes);
        let leak = leak(&tree);
        assert_eq!((leak.line, leak.origin), (2, Origin::Prerendered), "{extension}");
        let text = print(&tree.inline(&values()).unwrap());
        assert!(text.contains(", the compressed copy of about.html\n"), "{text}");
    }
}

#[test]
fn a_file_that_cannot_be_unpacked_is_named() {
    let half = gzip(format!("{}\n", canary("A")).repeat(2000).as_bytes());
    for (file, bytes, reason, leaks) in [
        ("public/a.js.gz", half[..half.len() / 2].to_vec(), NotScanned::Damaged, true),
        ("public/a.js.br", b"no brotli".to_vec(), NotScanned::Damaged, false),
        ("public/a.js.zst", b"no zstandard".to_vec(), NotScanned::Damaged, false),
        ("public/a.zip", b"PK".to_vec(), NotScanned::Unknown, false),
        (".next/cache/turbopack/1.sst", b"".to_vec(), NotScanned::Unknown, false),
    ] {
        let tree = Tree::new();
        write(&tree, file, &bytes);
        let report = tree.inline(&values()).unwrap();
        let [unscanned] = &report.unscanned_files[..] else { panic!("{file}: {report:?}") };
        assert_eq!((&unscanned.file, unscanned.reason), (&tree.path(file), reason), "{file}");
        assert_eq!(!report.leaks.is_empty(), leaks, "{file}: what could be read was searched");
        assert!(print(&report).contains(&format!("warning: {}", tree.path(file).display())), "{file}");
    }
}

#[test]
fn a_small_file_that_unpacks_to_a_huge_one_is_read_to_a_bound_in_little_memory() {
    let tree = Tree::new();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![0; 1 << 20];
    for _ in 0..520 {
        packed.write_all(&zeros).unwrap();
    }
    write(&tree, "public/bomb.gz", &packed.finish().unwrap());
    let report = tree.inline(&values()).unwrap();
    assert_eq!(report.unscanned_files[0].reason, NotScanned::TooLarge);
}

/// Next streams a payload in pieces, and cuts it wherever a buffer is full.
#[test]
fn a_value_cut_in_two_by_pushes_of_a_payload_is_found() {
    let (first, second) = ("canary", ".A.x9");
    for (start, end) in [
        ("self.__next_f.push([1,\"", "\"])"),
        ("window.__reactRouterContext.streamController.enqueue(\"", "\");"),
    ] {
        let tree = Tree::new();
        let script = |text: &str| format!("<script>{start}{text}{end}</script>");
        let page =
            format!("<p>\n{}{}", script(&format!("0:a\\\"{first}")), script(&format!("{second}\\\"b")));
        tree.write(".next/server/app/terms.html", &page);
        let leak = leak(&tree);
        assert_eq!((leak.line, leak.encoding), (2, Encoding::Json), "{start}");
    }
}

#[test]
fn the_escapes_of_style_sheets_are_undone() {
    for text in ["\\63 anary.A.x9", "\\000063anary\\2e A\\00002ex9", "\\63\nanary\\.A\\.x9"] {
        let tree = Tree::new();
        tree.write(".next/static/x.css", &format!("a{{}}\na::after{{content:\"{text}\"}}"));
        let leak = leak(&tree);
        assert_eq!((leak.line, leak.encoding), (2, Encoding::Css), "{text}");
    }
}

#[test]
fn utf_16_is_searched_in_both_orders_with_and_without_a_mark() {
    let json = format!("{{}}\n{}", canary("A").replace('a', "\\u0061"));
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        let encode = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(order).collect() };
        for (bytes, line) in [
            (encode(&format!("\u{feff}{json}")), 2),
            (encode(&format!("\u{feff}é😀\n\n{}", canary("A"))), 3),
            ([b"\0\n".as_slice(), &encode(&canary("A"))].concat(), 2),
        ] {
            let tree = Tree::new();
            write(&tree, "public/data.bin", &bytes);
            let leak = leak(&tree);
            assert_eq!((leak.line, leak.encoding), (line, Encoding::Utf16));
        }
    }
}

#[test]
fn base64_in_lines_is_put_together() {
    let data = STANDARD.encode(format!("{}{}{}", "x".repeat(40), canary("A"), "y".repeat(40)));
    for end in ["\n", "\r\n", "\\n", "\n      "] {
        let tree = Tree::new();
        let lines: Vec<&str> =
            data.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        tree.write("public/mail.txt", &format!("-----BEGIN-----\n{}\n", lines.join(end)));
        assert_eq!(leak(&tree).encoding, Encoding::Base64, "{end:?}");
    }
}

#[test]
fn a_map_inside_a_script_is_searched_however_it_is_written() {
    let map = format!(r#"{{"version":3,"mappings":"","sourcesContent":["\u0063{}"]}}"#, &canary("A")[1..]);
    let percent: String = map.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for url in [
        format!("data:application/json;base64,{}", STANDARD.encode(&map)),
        format!("data:application/json;charset=utf-8;base64,{}", STANDARD.encode(&map).trim_end_matches('=')),
        format!("data:application/json;charset=utf-8,{percent}"),
        format!("data:application/json,{map}"),
    ] {
        for file in [".next/server/x.js", ".next/static/chunks/x.js"] {
            let tree = Tree::new();
            tree.write(file, &format!("f()\n//# sourceMappingURL={url}\n"));
            let leak = leak(&tree);
            assert_eq!(leak.line, 2, "{file}: {url}");
        }
    }
}

#[test]
fn a_value_across_the_parts_of_a_long_file_is_found_once_in_its_line() {
    const PART: usize = 8 << 20;
    for shift in [0, 1, 7, 500] {
        let tree = Tree::new();
        let mut text = "line\n".repeat(PART / 5 + 200);
        let at = PART - 7 + shift;
        text.insert_str(at, &canary("A"));
        tree.write("public/long.txt", &text);
        assert_eq!(leak(&tree).line, text[..at].matches('\n').count() + 1);
    }
}

#[test]
fn an_allowed_leak_is_written_into_the_report() {
    let tree = Tree::new();
    tree.write("public/a.txt", &canary("A"));
    tree.write("public/b.txt", &canary("A"));
    let report = tree
        .inline_with(&values(), |request| {
            request.allow_leak.insert("A".to_owned());
        })
        .unwrap();
    assert!(report.written && report.leaks.iter().all(|leak| leak.allowed));
    let text = print(&report);
    assert!(
        text.contains("note: the value of A was allowed in 2 places\n") && !text.contains("leak: "),
        "{text}"
    );
    assert!(serde_json::to_string(&report).unwrap().contains("\"origin\":\"public_file\",\"allowed\":true"));
}

#[test]
fn a_variable_that_a_client_script_names_can_be_inlined_all_the_same() {
    let tree = Tree::new();
    tree.write(".next/static/chunks/x.js", "f(e.env.A,e.env.STRIPE_KEY)");
    let allow = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned());
        tree.inline_with(&values(), |request| request.allow_mention.extend(names)).unwrap()
    };
    assert!(!allow(&["A"]).written);
    assert!(allow(&["A", "STRIPE_KEY"]).written);
    assert!(tree.read(".next/server/edge/chunks/a.js").starts_with("f(__capy_A()"));
}

/// Names such as these stand in many bundles, as names of their own.
#[test]
fn an_everyday_name_that_a_client_script_uses_for_itself_is_inlined() {
    for (script, written) in [
        ("const A=window.location.host;fetch(A+'/x')", true),
        ("let A=1;f(A),g(x?A:0)", true),
        ("throw Error('set A first')", true),
        ("f(e.A)", false),
        ("let{A:t}=e", false),
        ("f(e['A'])", false),
    ] {
        let tree = Tree::new();
        tree.write(".next/static/chunks/x.js", script);
        assert_eq!(tree.inline(&values()).unwrap().written, written, "{script}");
    }
}

/// Counting the lines of each value from the start would take minutes.
#[test]
fn a_value_on_every_line_of_a_large_file_is_found_in_one_pass() {
    const LINES: usize = 60_000;
    let tree = Tree::new();
    let url = format!(
        "<url><loc>https://shop.example/{0}</loc><id>{0}{1}</id></url>\n",
        canary("A"),
        "x".repeat(60)
    );
    tree.write("public/sitemap.xml", &url.repeat(LINES));
    let started = std::time::Instant::now();
    let report = tree.inline(&values()).unwrap();
    let lines: Vec<usize> = report.leaks.iter().map(|leak| leak.line).collect();
    assert_eq!(lines, (1..=LINES).collect::<Vec<_>>());
    assert!(started.elapsed() < std::time::Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn a_script_inside_a_public_page_counts_as_a_client_script() {
    let tree = Tree::new();
    tree.write("public/about.html", "<p>process.env.B</p><script>f(env.A)</script>");
    let report = tree.inline(&values()).unwrap();
    assert!(!report.written);
    let named = |name: &str| report.findings.iter().any(|finding| finding.name.as_deref() == Some(name));
    assert!(named("A") && !named("B"), "{report:?}");
}
