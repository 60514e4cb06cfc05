// Package chat is the interactive terminal. It shows what arrives, sends what is typed, and
// has the commands that users of CIM know.
//
// On a terminal the prompt stays below the output, lines are edited in place (see package
// line), and colour marks private messages. In a pipe or a test it reads lines and writes
// lines. Colour never carries a meaning of its own, and NO_COLOR turns it off.
//
// Texts and names come from strangers. Everything that a terminal would obey is removed
// before they are shown.
//
// Run has four goroutines: for reading lines, sending, receiving, and events. It waits for
// all of them but the first. A read of standard input cannot be interrupted, so that
// goroutine ends when In does.
package chat
