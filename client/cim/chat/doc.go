// Package chat is the interactive terminal. It shows messages that arrive, sends lines
// that are typed, and has the commands that users of CIM know.
//
// On a terminal the prompt stays below the output, lines are edited in place (see package
// line), and colour marks private messages. In a pipe or a test, the package reads lines
// and writes lines. Everything that colour shows is also in the text, and NO_COLOR turns
// colour off.
//
// Texts and names come from strangers. Characters that a terminal would obey are removed
// before a text is shown.
//
// Run has four goroutines, for reading lines, sending, receiving, and events. It waits for
// all of them except the one that reads. That one ends when In ends, because a read of
// standard input cannot be interrupted.
package chat
