// Package benchwire writes and reads the few frames that a benchmark needs, at a
// fraction of what package proto takes for a whole frame. A message is a template
// in which the number is overwritten. Of a received frame, only the fields that are
// counted and checked are decoded.
//
// A message's id holds its number, behind a tag that is new for every run. So a run
// never counts the messages of another run as its own.
package benchwire
