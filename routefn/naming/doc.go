// Package naming decides which names new accounts and groups may have. It refuses names
// that users may take for the system, for an id, or for a mark of the terminal or the
// page.
//
// A new name is stored in Unicode's normal form C ([Normal]). [Account] and [Group] refuse
//
//   - names with characters that are invisible or that change how others are shown:
//     format characters (zero width, bidirectional), control and private characters,
//     fillers, and more than four combining marks on one character;
//   - reserved names, and names that look like one (confusable.go);
//   - names that look like an id, because people type ids and names at the same place;
//   - names that begin like a mark, or that end or go on like "bob: ".
//
// Existing names stay valid. A login, a search or an import first looks for the name
// exactly as it is written. Such a name is not judged here.
//
// The package is pure. Its errors are *proto.Error with the code Invalid.
package naming
