// Package reports keeps what users report to moderators: messages, with a copy of what the
// log has. Package record knows which messages a user may read.
//
//	a user reports a message           file.go; lua/file.lua
//	open reports are listed            list.go
//	a moderator decides                decide.go; lua/decide.lua
//	a reporter's account is erased     erase.go; lua/forget.lua
//
// All keys are in one slot, so each step is atomic. The queue is bounded. So is what one
// user may have in it, and how many users are noted for one message. A report goes after
// Life, and so does what stays of a decision. Redis removes both even if nobody asks.
//
// The keys are in the table of package record.
package reports
