// Package ledger is the record that `cim verify` writes while it runs, and the judge that
// reads it afterwards.
//
// A ledger is a file of JSON lines, in the order in which things happened. It has the
// devices, joinings and leavings, the messages and the answers to their senders, the
// showings, the faults, and the logs in the end. The comments of Record describe the
// fields, and those of Kind the kinds. The Judge knows only the ledger. It shares no code
// with the system that it judges, not even the package that names positions in logs.
//
// # What is promised
//
// A message that was accepted is shown to each receiver exactly once, in the order of its
// log. Messages of one sender come in the order of sending. The receivers of a private
// message are the devices of its receiver and the sender's other devices. The receivers of
// a message to everyone are all devices except the one that sent it. A device is a
// receiver from its joined record on.
//
// The receivers of a group's message are the devices of the users who were members at its
// place in the group's log, but not the device that sent it. Joinings and leavings are in
// that log. They are shown to the same devices, and to those of the user who joins or
// leaves. The judge knows members from two sides. A user was a member if two things are
// true. Their joining was confirmed before the message was sent. They requested to leave
// only after the message was accepted. A user was no member if their leaving was confirmed
// and they had not requested to join again. In between, while the user waited for an
// answer, the shown entries decide.
//
// A delayed message is accepted when it is scheduled. Once it is due, it is shown to all
// devices of its sender and its receiver. If its cancellation was confirmed, it is shown
// to no device. It may come before or after any other message of its sender.
//
// A device that lost its history (a forgot record) may be shown the same messages again,
// in the order of the log, and misses none. A device without a connection may miss the
// end of a group that its user left meanwhile, but has no hole before that. A device may
// miss all entries of a short membership if faults kept the routes from reporting both
// the joining and the leaving to its node.
//
// # CIM clients
//
// A CIM client receives neither ids nor places, keeps nothing and acknowledges nothing. It
// is shown what others send to its user and to everyone, from its joined record on. Each
// message comes at least once, in the order of its log. On one connection, only a message
// that stands in the log twice is shown twice.
//
// A connection begins at the client's cursor, so another connection may show the same
// messages again. It must not show those that the client is known to have read. Those are
// all messages of a connection that ended in order. Messages that came at least two
// seconds before an answered ping, or before the death of the node, are read, too. Two
// conditions hold for all of these. No fault kept the node from noticing what the client
// has read, or from reporting it to the store. And the store lost nothing since. An
// orderly end is one that the node began, as for a logout or a drain. The ledger does not
// record other ends.
//
// A CIM client's messages have no id until a device is shown them. A second id for the
// same text belongs to a repetition that a proxy made. Then the judge does not know which
// of the ids was accepted. One of them must be shown to all devices. Each of the others
// must be shown to all devices of a log or to none. After the store has lost something, a
// log may be shown anew at any time. The client may miss entries that a full log dropped.
//
// # What is a violation
//
//   - lost: accepted, and not shown to a device that should be shown it;
//   - twice: shown a second time to a device that still has it; for a CIM client, on one
//     connection, or on another one after it is known to have read it;
//   - log order: shown after an entry that comes later in the same log;
//   - sender order: shown after a message of the same conversation that the same device
//     sent later;
//   - stranger: shown to a device that is no receiver; accepted in a group from a user
//     who was no member;
//   - turned away: a message of a member was refused, as if they were no member;
//   - invented: shown, although it was never sent or sent with another content;
//   - refused: shown, or in a log, although the answer to the sender was a refusal;
//   - doubled: in a log twice, although its sender did not give it up and only the store
//     broke. If something else broke, it may have been sent again while the first try was
//     on its way;
//   - echo: shown to the process that sent it and got the answer "accepted", or to the
//     CIM client of its sender;
//   - disagree: two devices were shown different messages at one place of a log, or one
//     message at two places. Only one of the two devices was shown a message. A log has at
//     a place another message than a device was shown there. A log has the joining of a
//     user who is a member already. A sender got a place that another message has;
//   - alone: accepted or shown while no replica could have it, although the run requires
//     one;
//   - early: a delayed message, shown before its time;
//   - cancelled: a delayed message, shown although its cancellation was confirmed;
//   - late: shown later than promised, without a fault. The promise is 30 s for a message
//     whose push was lost, and 1 s for a delayed message. It is 11 s if the node that
//     should have a delayed message sent has died;
//   - held: a device stayed for longer than 15 s on a node that stood still;
//   - delayed order: a sender's delayed messages, shown in another order than that in
//     which they were due;
//   - joining order: in the log, a message stands before its sender's joining or after its
//     sender's leaving;
//   - mark: a sender got a delivery mark for a message that was not shown;
//   - readable: a token was accepted after its device was logged out;
//   - nowhere: shown or accepted, and not in its log at the end, although the log is not
//     full;
//   - trimmed: a device got the report that entries are too old and gone, but they are
//     there, or the log is not full;
//   - ghost, no session: the store has a live session of a device without a connection,
//     or no session of a device with one;
//   - cursor: the store's cursor is beyond what a device was shown, or behind what it
//     was shown some time ago;
//   - intent: a joining or leaving stays unfinished in the store, and no user waits for
//     it;
//   - lease: a node with a connected member has no lease of the group, or a lease lasts
//     longer than two minutes;
//   - left over: a delayed message still waits long after it was due;
//   - goroutines, memory: a process has too many or too much when everything is quiet;
//   - stuck: a message still without an answer when everything is healed and quiet;
//   - stopped: a client stopped for ever, although no server requested that.
//
// # A primary that is lost
//
// If "accepted" means stored on the store's primary, the last messages before the loss of
// the primary may be gone with it. Their numbers are used again. A message that is missing
// is no violation if it may have been lost with the primary. That is so if it was sent
// before the loss, and its sender got the answer within the tail that the broken record
// names. The same holds for a message of the tail that only some devices were shown. The
// record that a delayed message was sent may be lost, too. Then the sender can still
// cancel that message. Everything else stays a violation: a loss outside of the tail, a
// doubled message, a wrong order, or devices with different logs at the end. If "accepted"
// means stored on a replica, nothing may be lost.
//
// A store that comes back older loses its tail, and one that comes back empty loses
// everything, whatever "accepted" means. Messages that are accepted afterwards are not lost.
//
// # A run that was cut short
//
// If a run was cut short, or ends before everything was quiet, the judge does not judge
// showings that were still to come.
//
// # A message without an answer
//
// A message whose sender gave up without an answer may be shown or not. It is shown to all
// devices of a log or to none, and at most once. The sender may send it again with the
// same id. Its place may come from any of the tries. Until a try is answered, the place
// may be any one after the first try.
package ledger
