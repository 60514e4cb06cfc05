// Package crowd has the users of `cim verify`: hundreds of clients of the SDK. They write
// to each other, to groups and to everyone. A ledger records every answer and every
// message that they get.
//
// # Devices
//
// Each user has a phone. Some also have a laptop, and some send over HTTP, as a service
// would. Some devices keep their history in a file. These devices can be killed and
// started again at any moment, as a program on a phone is. So can some devices that keep
// their history in memory. After a restart, such a device has only the cursor that the
// route keeps. All other devices run until the end. The connection of any device can be
// cut, torn in the middle of a frame, made silent or made slow. When some devices go away,
// their node does not notice.
//
// There are groups of 2 to 55 members, made at the start. Members leave and come back, and
// others join. A few messages go to groups of which the sender is not a member. Some
// messages are delayed, and some of those are cancelled. The maker of a group adds and
// removes two users in turn. If Config.Crowded is set, three users are in the largest
// allowed number of groups. A kiosk, which stands for a device that many people use, logs
// in and out, and uses its old token again.
//
// # CIM clients and pages
//
// By default one user of twenty has a CIM client, but at most eight users. Config.CIMShare
// changes these numbers. The client uses CIM's frames over TCP and CIM's HTTP, and no
// token. It reconnects by CIM's own steps, which are /offLine, a pause, and /login. CIM's
// protocol acknowledges nothing, so a node relies on pings and on how connections end. The
// client pings only when it has read everything. When its connection is cut, it first
// reads what has arrived. It records each answer to a ping and each orderly end. It
// recognises messages by their texts, so no text is sent twice.
//
// At most three users have the web page open. Each page is a process of Node.js that runs
// the page's modules as a route serves them (page/runner.mjs). The page has a WebSocket
// that faults can hit and a localStorage in a folder (page/browser.mjs). It sends to users
// and to everyone. If it is killed, it ends like a tab that crashes. When it is opened
// again, it sends its unsent messages. Without Node.js there are no pages.
//
// A Guest is any device that faults can hit.
//
// # Seeds
//
// The seed and a device's place in the crowd decide the device's messages: their
// receivers, the lengths of their texts, and their times. They also decide the groups and
// their changes. So the same seed gives the same traffic. A device that is away sends its
// messages later, and leaves none out.
//
// When everything is quiet, Audit reads the logs.
//
// A device has four goroutines while its client runs, and one more for each message
// without an answer. A CIM client has two goroutines. Crowd.Close waits for all of them.
package crowd
