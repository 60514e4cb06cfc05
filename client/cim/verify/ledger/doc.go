// Package ledger is what `cim verify` writes down while it runs, and the judge
// who reads it afterwards.
//
// A ledger is a file of JSON lines, in the order in which things happened: who
// listens, who joined and left which group, what was sent, what the sender was
// told, what was shown to whom, what was broken meanwhile, and what stands in the
// logs in the end. Record has the fields, Kind the kinds. Judge knows nothing but that. It shares no code
// with the system that it judges, not even the package that names its positions.
//
// # What is promised
//
// A message whose sender was told "accepted" is shown to each receiver exactly
// once, in the order of its log, a sender's messages in the order he sent them.
// The receivers of a private message are the devices of the user it is to, and
// the sender's other devices; those of a message to everyone are all devices but
// the one it was sent from. A device counts from its joined record on.
//
// The receivers of a group's message are the devices of those who were members
// where it stands in the group's log, but the one it was sent from. Joinings and
// leavings stand in that log and are shown to the same, the one who joins or leaves
// among them. Who was a member is known from two sides. Who was told that he joined
// before a message was sent, and asked to leave only after it was accepted, was one;
// who was told that he left, and did not ask to come back, was none. For what was
// written while he waited for such an answer, the entries that were shown decide.
//
// To accept a delayed message is to schedule it. It is shown to all devices of both
// sides once its time has come, and to none if its sender was told that it is taken
// back. It has no place among his others.
//
// A device that lost what it had kept (a forgot record) may be shown again what it
// was shown before, in the order of the log, and misses nothing. One that had no
// connection when its user left a group may miss the end of what was his, and has
// no hole before that.
//
// A CIM client is told neither ids nor places, keeps nothing and acknowledges by its pings.
// It is shown what others send to its user and to everyone, from its joined record on,
// each at least once and in the order of its log. A connection begins at its cursor: on
// another one the same may be shown again, on one only what stands in the log twice. Its
// messages have no id until somebody is shown them; one more id for the same text is a
// repetition, which something on the way must have made. After a loss of the store's a
// log may be shown anew at any time. Of a full log it may miss what was dropped, and of
// those to everyone what came after the store had lost its cursors.
//
// # What is a violation
//
//   - lost: accepted, and not shown to a device that was to see it;
//   - twice: shown a second time to the same device;
//   - log order: shown behind an entry that stands after it in the same log;
//   - sender order: shown behind a message of the same conversation that the same
//     device sent later;
//   - stranger: shown to somebody it was not for; accepted in a group from somebody
//     who was no member;
//   - turned away: a member was told that he is none;
//   - invented: shown, and never sent, or not what was sent;
//   - refused: shown, or in a log, although the sender was told that it was not sent;
//   - doubled: in a log twice, although its sender did not give it up and nothing
//     broke but the store: else it may have been sent again while it was on its way;
//   - echo: shown to the very process that sent it and was told "accepted", or to the
//     CIM client of its sender;
//   - disagree: two devices were shown different messages at one place of a log,
//     one message at two places, or only one of them was shown it at all; a log has
//     another message at a place, or a joining of one who was a member; a sender was
//     told of a place that another message has;
//   - alone: accepted, or shown, while no replica could have it, where that needs one;
//   - early: a delayed message, shown before its time;
//   - cancelled: a delayed message, shown although its sender was told that it is
//     taken back;
//   - late: shown later than is promised, with nothing in the way: 30 s for what
//     nobody pushed, 1 s for a delayed message and 11 s if who sent it died;
//   - held: a device stayed on a node that stood still for longer than 15 s;
//   - delayed order: a sender's delayed messages, shown in another order than that in
//     which they were due;
//   - joining order: a message stands before its sender's joining or behind his leaving;
//   - mark: a sender was told that a message was shown, and it was not;
//   - readable: a token was served after its device was told that it is logged out;
//   - nowhere: shown or accepted, and in no log in the end, though that is not full;
//   - trimmed: a device was told that entries are too old, and they are there, or
//     the log is not full;
//   - ghost, no session: a live session in the store of who has no connection, or a
//     connection of which it does not know;
//   - cursor: the store has that a device was shown what it was not, or has not what
//     it was shown a while ago;
//   - intent: a joining or leaving stays under way in the store, and nobody waits for it;
//   - lease: a node at which a member is connected is not pushed what goes to the group,
//     or one is for longer than two minutes;
//   - left over: a delayed message that waits long behind its time;
//   - goroutines, memory: a process holds too much when all is quiet;
//   - stuck: without an answer when all is healed and quiet;
//   - stopped: a client gave up for good, although nobody told it to.
//
// # A primary that is lost
//
// Where "accepted" means stored on the store's primary, what it took shortly
// before it was lost may be gone with it, and its numbers are given again. A
// message counts as lost with the primary, and not as a violation, if it was sent
// before that was gone and its sender was told no earlier than the tail of the
// broken record says; so does what it had and only some devices were shown. All
// else stays a violation: a loss outside of that, a double, a swap, devices that
// have different logs at the end. Where "accepted" means stored on a replica,
// nothing may be lost.
//
// A store that comes back older, or empty, loses its tail, or everything, whatever
// "accepted" means; what is accepted afterwards is not lost.
//
// # A run that was cut short
//
// If the ledger says that the run did not come to its end, or ends before all was
// quiet, nothing is said of what had still to be shown.
//
// # A message without an answer
//
// A message whose sender gave up without an answer may be shown or not, but to
// all devices of a log or to none, and at most once. He may send it again, with
// the same id. Its place among his others is wherever one of his tries may have
// put it: before it was answered, anywhere behind its first try.
package ledger
