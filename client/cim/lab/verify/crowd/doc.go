// Package crowd is the users of `cim verify`: hundreds of clients of the SDK. They write to
// each other, to groups and to everyone, and keep a ledger of what they were told and shown.
//
// # Devices
//
// Each user has a phone. Some also have a laptop, and some send over HTTP, as a service
// would. Some devices keep their history in a file. Those can be killed and started again
// at any moment, as a program on a phone is. So can some devices that keep it in memory;
// after a start they have nothing but the cursor that the route keeps. The others live as
// long as the run. The connection of any device can be cut, torn in the middle of a frame,
// made silent or made slow. When some devices go away, their node does not notice.
//
// There are groups of 2 to 55 members, made at the start. Members leave and come back, and
// others join. A few messages go to groups whose sender is not a member. Some messages are
// delayed, and some of those are cancelled. The maker of a group adds and removes two users
// by turns. If asked, three users are in as many groups as a user may be. A kiosk logs in
// and out, and uses its old token again.
//
// # CIM clients and pages
//
// One user of twenty has a CIM client, at most eight, unless the share is given: CIM's
// frames over TCP, CIM's HTTP, and no token. It comes back by CIM's own steps: /offLine, a
// pause, /login. CIM's protocol acknowledges nothing, so a node relies on pings and on how
// connections end. The client pings only when it has read everything, and reads the rest
// when its connection is cut. It records each answer to a ping and each orderly end. It
// knows messages by their text, so no sender sends one text twice.
//
// At most three users have the web page open: its own modules, as a route serves them, each
// in a process of Node (page/runner.mjs). The page has a WebSocket that faults can hit and a
// localStorage in a folder (page/browser.mjs). It sends to users and to everyone. If it is
// killed, it ends as a tab that crashes, and sends the rest when it is opened again. Without
// Node there are no pages.
//
// A Guest is any device that faults can hit.
//
// # Seeds
//
// The seed and a device's place in the crowd decide what the device sends, to whom, how
// long each text is, and when it is due. They also decide the groups and their changes. So
// the same seed gives the same traffic. A device that is away sends late, not less.
//
// When everything is quiet, Audit reads the logs.
//
// A device has four goroutines while its client runs, and one for each message without an
// answer. A CIM client has two. Crowd.Close waits for all.
package crowd
