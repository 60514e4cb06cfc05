// Package benchwire writes and reads the few frames that a benchmark needs. It takes a
// fraction of the time that package proto takes for a whole frame. To send a message, it
// writes the number into a template. Of a received frame, it decodes only the fields that
// the bench counts and checks.
//
// The id of a message has a tag, which is new for every run, and then the message's
// number. So a run never counts the messages of another run as its own.
package benchwire
