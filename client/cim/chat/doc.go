// Package chat is the interactive terminal: it shows what arrives, sends what is
// typed, and understands the commands that users of CIM know.
//
// On a terminal the prompt stays below what arrives, lines are edited in place (see
// package line), and colour marks what is private. Elsewhere, in a pipe or a test, it reads lines
// and writes lines. Colour never carries a meaning of its own, and is not used
// when NO_COLOR is set.
//
// Texts and names come from strangers: what a terminal would obey is taken out of
// them before they are shown.
//
// Run has one goroutine for each of: reading lines, sending, receiving and events.
// It waits for all of them but the first: a read
// of standard input cannot be interrupted, so that goroutine ends when In does.
package chat
