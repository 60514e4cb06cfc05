// Package limit has the limits for one account, one group and one address, which protect
// all others. It reads them from a file. Package record counts and refuses.
//
// A file has one limit per line, "name = value", in any order. Empty lines and lines that
// begin with # are ignored. A limit that is not named keeps its default:
//
//	messages     = 20/s burst 200   # sent by an account
//	group-member = 10/s burst 100   # messages of one member to one group
//	group        = 100/s burst 500  # messages of all members to one group
//
// [Names] returns all names, and LIMITS.md says what they bound.
//
// A rate is a number per s, min, h or d. Its burst is how many may come at once after a
// pause. If no burst is given, a rate per second has a burst of ten times its number. The
// burst of any other rate is then its number. The value off removes a limit. The limit
// named inbox has no number, but the value on or off.
package limit
