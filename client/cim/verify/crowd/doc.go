// Package crowd is the users of `cim verify`: hundreds of clients of the SDK
// that write to each other, to groups and to everyone, and keep a ledger of what they were
// told and shown.
//
// A user has a phone; some have a laptop, too, and some send over HTTP, as a
// service would. Some devices keep their history in a file: those can be killed
// and started again in the middle of anything, as a program on a phone is. So can
// some that keep it in memory, and then have nothing but the cursor that the route
// keeps. The others live as long as the run. Any device's connection can be cut,
// torn in the middle of a frame, made silent or slow; of some devices the node does
// not hear that they are gone.
//
// There are groups of 2 to 55 members, made at the start. Members leave and come
// back, others join; a few messages go to groups whose sender is not in them. Some
// messages are left with the servers to be sent later, and some of those taken back.
// The maker of a group adds and removes two users by turns. If asked, three users are in
// as many groups as one may be. A kiosk logs in and out, and shows its token again.
//
// One user of twenty, and eight at most, has a CIM client: CIM's frames over TCP, CIM's
// HTTP, no token. It comes back by CIM's own steps: /offLine, a rest, /login. CIM's wire
// acknowledges by pings alone, and a ping on its way may count for what its sender has
// not read yet. So it pings only when it has read everything, and reads the rest when
// its connection is cut. Texts are what it knows messages by: no sender sends one twice.
//
// Three users at most have the page open: its own modules, as a route serves them, in a
// process of Node each (page/runner.mjs), with a WebSocket that can be hurt and a
// localStorage in a folder (page/browser.mjs). It sends to users and everyone. Killed, it
// ends as a tab that crashes, and sends what it had not sent when it is opened again.
// Without Node it is left out.
//
// A device that is none of the SDK's is a Guest, too: what faults hit.
//
// What a device sends, to whom, how long it is and when it is due follows from
// the seed and the device's place in the crowd alone, so that the same seed is
// the same traffic; so do the groups, and who joins and leaves. A device that is
// away sends late, not less.
//
// When all is quiet, Audit reads what stands in the logs.
//
// A device has four goroutines while its client runs, and one for each message
// without an answer; a CIM client has two. Crowd.Close waits for all.
package crowd
