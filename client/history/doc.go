// Package history stores the messages that a client has shown. It writes a message and
// its position in one write, so that after a crash no message is shown twice or skipped.
//
// File keeps a history on disk, for one account on one device. Memory keeps enough to
// recognise repetitions while the process lives. A client without a history uses a Memory.
//
// # The file
//
// A history is a text file, to which lines are appended. A line has a checksum (CRC-32C)
// of its JSON as eight hex digits, a space, and the JSON:
//
//	1c1a7d5e {"user":42}
//	9be0c2f1 {"message":{"id":"4f3a","from":7,"fromName":"bob","to":42,"text":"hi",...,"at":{...}}}
//	03a6b9d4 {"at":{"log":1,"epoch":"00000000000000aa","number":9,"key":"7:99b1"}}
//
// The first line has the account. The second is a message with its position. The third is
// the position of an entry that is not shown.
//
// # Crashes
//
// After Append has returned, a record survives a crash of the process. By default Append
// does not force the record to the disk. If the operating system crashes or power fails,
// the records of the last seconds may be lost, positions and messages together. The client
// then gets those messages again. With Options.Sync, Append returns after the record is on
// the disk, which costs one fsync per message. An incomplete last record is removed when
// the file is opened.
package history
