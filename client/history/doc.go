// Package history remembers what a client has shown: every message with its
// position, written in one write, so that after a crash a message is neither
// shown twice nor skipped.
//
// File keeps a history on disk, for one account on one device. Memory keeps as
// much as recognises repetitions while a process lives; it is what a client uses
// that was given no history.
//
// # The file
//
// A history is a text file of lines that is only ever appended to. A line is the
// CRC-32C of what follows it as eight hex digits, a space, and JSON:
//
//	1c1a7d5e {"user":42}
//	9be0c2f1 {"message":{"id":"4f3a","from":7,"fromName":"bob","to":42,"text":"hi",...,"at":{...}}}
//	03a6b9d4 {"at":{"log":1,"epoch":"00000000000000aa","number":9,"key":"7:99b1"}}
//
// The first names the account, the second is a message where it stands, the
// third moves on past entries that are not for showing.
//
// # What a crash costs
//
// A record that Append returned from survives the process in any case. By
// default it is not forced to the disk: when the operating system dies or power
// fails, the records of the last seconds may be gone, positions and messages
// together, and the client is sent those messages again. Options.Sync forces each
// record to the disk before Append returns; it costs one fsync a message. A
// record that was cut off by a crash is removed when the file is opened.
package history
