// Package migrate imports accounts, groups and messages into a store, and exports them.
// It imports from the Redis of CIM's own routes, which are written in Java ([FromCIM]),
// and from JSON lines ([FromLines]). It exports to JSON lines ([Export]). Package
// format has the lines and their reader. client/cim/IMPORT.md describes the commands
// and the lines for operators.
//
// # DESIGN
//
// An import that was killed starts again from the beginning and skips everything that
// exists already. So no progress has to be recorded. An account exists if its name leads
// to its id, and the id to the name. A membership exists if the group's slot has it. A
// message exists if it is in the log, or in the list of messages that were imported into
// the log. The step that stores a message also adds it to that list (see import.lua). So
// even a much later second run adds only data that the source received since the first
// one. Imports from several sources do not disturb each other.
//
// If an account's id or name belongs to another account, the account is left out and
// reported. So are the messages that it wrote and the messages that wait for it. So no
// message is shown under the id of another user.
package migrate
