// Package naming decides which names new accounts and groups may have. It refuses names
// that users could take for the system, for an id, or for a mark of the terminal or the
// page.
//
// A new name is stored in Unicode's normal form C ([Normal]). [Account] and [Group] refuse
//
//   - names with characters that are invisible or that change how other characters are
//     shown. These are format characters (zero width, bidirectional), control and private
//     characters, fillers, and more than four combining marks on one character;
//   - reserved names, and names that look like one (confusable.go);
//   - names that look like an id, because people type ids and names at the same place;
//   - names that begin like a mark, or that contain something like the beginning of a
//     message, "bob: ".
//
// Existing names stay valid. A login, a search or an import first looks for the name
// exactly as it is written. This package does not check such a name.
//
// The package is pure. Its errors are *proto.Error with the code Invalid.
package naming
