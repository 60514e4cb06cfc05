// Package reports keeps the messages that users report to moderators, each with a copy of
// the log's entry. Package record knows which messages a user may read.
//
//	a user reports a message           file.go; lua/file.lua
//	open reports are listed            list.go
//	a moderator decides                decide.go; lua/decide.lua
//	a reporter's account is erased     erase.go; lua/forget.lua
//
// All keys are in one slot, so each step is atomic. The queue is bounded. There is also a
// bound on the open reports of one user, and on the reporters that are noted for one
// message. A report is removed after the time Life, and so is the record of a decision.
// Redis does that by itself.
//
// The keys are in the table of package record.
package reports
