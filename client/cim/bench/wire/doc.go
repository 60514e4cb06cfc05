// Package wire writes and reads the few frames that a benchmark needs, at a
// fraction of what package proto takes for a whole frame: a message is a template
// with its number patched in, and of what comes in only the fields that are
// counted and checked are looked at.
//
// A message's number stands in its id, behind a tag that is new for every run, so
// that a run never takes the messages of another one for its own.
package wire
