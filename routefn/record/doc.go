// Package record remembers: accounts, sessions and logs, in Redis, and is the one
// door to it. It runs on one server, behind Sentinel, and on Redis Cluster; the
// look-alike of package embedded will do for tests and for one machine.
//
// # Keys
//
// None has a time to live, unless it says so. What is written by "append" and so on is written by
// the method of that name; the script is the file in lua.
//
//	cim:name:NAME   string  JSON {"id", "credential"}. Written once, by Register or Adopt: setting it makes the account.
//	                        Read by AccountByName and AccountByID.
//	cim:id:USER     string  the name. Reserved before the name's key is set; one that its name does
//	                        not point back to is nobody's. Read by AccountByID.
//	cim:{key}       string  the secret that all routes share unless they are told one, in hexadecimal. Whoever finds none
//	                        puts back the one it had: see Watch, as for the next two. key.lua
//	cim:{key}:known hash    when a route made it anew, when a route last saw that the store had lost something, and the
//	                        keys that routes made things with, for 31 days. key.lua
//	cim:{sN}:mark   string  the store's clock in ms, moved every 10 s: one that is gone, or went back, shows that its
//	                        server came back empty, or older. mark.lua
//	cim:{LOG}:l     list    a log: entries as proto.EncodeStored makes them, oldest first. LOG is a user's id,
//	                        for his inbox, or g and a group's id. Never empty: it begins with a genesis entry
//	                        of number 1, so that RPUSHX finds it. Made by makeLogs (make.lua) and CreateGroup
//	                        (create.lua), appended to by Append and by change.lua, shortened by trim.lua alone.
//	                        Read by Pull, Find, Reconcile.
//	cim:{LOG}:h     hash    in the slot of the list:
//	  epoch                 16 hex digits, made with the log
//	  base                  entries trimmed so far; moved by trim.lua alone
//	  live                  inbox: the live sessions, one line a device; written by open.lua, close.lua, logout.lua
//	                        and tidy.lua, read by Append, IssueNumber, Sessions, Reconcile
//	  issued                inbox: the last session number given, one sequence for all devices; issue.lua, open.lua,
//	                        logout.lua. A number is the store's clock in ms when it was issued, or above it
//	  closed:DEVICE         inbox: the highest closed number of a device; open.lua, close.lua, logout.lua
//	  out:DEVICE            inbox: the number up to which the device's tokens and tickets are void, see void.lua;
//	                        logout.lua, open.lua, read by issue.lua, token.lua
//	  out                   inbox: the same of all devices without cursors: they never connected, or were forgotten;
//	                        logout.lua, forget.lua, read with out:DEVICE
//	  cur:DEVICE            inbox: the device's cursors, one line a log; ack.lua, read by Cursors
//	  devices               inbox: the devices that are known, one a line; open.lua, close.lua, tidy.lua, see device.lua
//	  floor, cur:           inbox: what is left of devices that were forgotten; forget.lua
//	  import                inbox of an earlier version: where the listing of its devices goes on; open.lua, tidy.lua
//	  last                  inbox: node of the user's last session; open.lua, read by IssueNumber
//	  groups                inbox: the user's groups, one id a line; settle.lua, read by Groups, ack.lua, open.lua
//	  intents               inbox: joinings and leavings under way, one line a group; intend.lua, settle.lua
//	  version               inbox: of both; moved with each change of either
//	  nodes                 group: leases as releases before this one keep them, one line a node; read by Append and
//	                        ChangeGroups, taken over and removed by RenewNode
//	  name                  group: written once, by create.lua; may be empty
//	  creator               group: the user who made it, with request the id of his request; written once, by create.lua.
//	                        Read by ChangeGroups, Groups, create.lua
//	  joined                group: ms of the store's clock when somebody joined last, of everyone's when a node was entered
//	                        last; change.lua, EnterNode, read by Append
//	  m:USER                group: "joined left version removed", see member.lua; change.lua, read by Append, Pull, EnterNode.
//	                        It stays when the user has left, 100 bytes, because he may still read up to there
//	cim:{LOG}:n     hash    group: where it is pushed to; made by CreateGroup, written by EnterNode and RenewNode, read by
//	                        Append and ChangeGroups
//	  NODE                  a lease, "boot addr end", see lease.go. One that has run out is removed by RenewNode (drop.lua)
//	  (empty)               no lease: it keeps the key there
//	cim:{USER}:i:ID string  what the user's id of a message stands for: a hash of its receiver and text; claim.lua, and
//	                        read by it. Five minutes to live, 150 bytes
//	cim:{LOG}:m     zset    group: its members, names by ids; change.lua, read by Members and Groups. What decides is
//	                        the hash; this one has an order to page by, and no part in a send or a pull
//	cim:{LOG}:end   string  group: who made one of this id that has ended, by which request; a day to live. sweep.lua,
//	                        read by create.lua
//	cim:{dN}:due    zset    delayed messages of the senders in shard N, keys (proto.Key) by the ms when they are due;
//	                        schedule.lua, cancel.lua, finish.lua, read by Shards, take.lua
//	cim:{dN}:m      hash    the same messages, two fields a key; schedule.lua, take.lua, removed by cancel.lua, finish.lua
//	  KEY                   an encoded proto.Entry, without its time; read by Scheduled, take.lua
//	  KEY f                 ms when it was first taken to be fired, by the store's clock: its time in the logs; take.lua, read by all
//	cim:{dN}:lease  string  who fires the shard; 10 s to live. take.lua
//	cim:{dN}:KIND:due, :m, :lease  the same of jobs of another kind: keys by the ms when they are due; what they carry, and
//	                        KEY n how often one has failed; who does them. putJobs, take.lua, end.lua
//	cim:{dN}:KIND:dead zset jobs that failed too often, by the ms when they did last; end.lua, read by DeadJobs
//	cim:{dN}:p:USER zset    what the user has pending or firing, ids by the ms when they are due; schedule.lua,
//	                        cancel.lua, finish.lua, read by Scheduled
//	cim:{dN}:o:USER zset    how his latest 1,000 ended, ids by a number that outcome.lua tells; a day to live from the
//	                        last one. cancel.lua, finish.lua, read by schedule.lua, Dropped
//
// # Devices
//
// A user has Config.Devices devices. With one more, the one that was offline longest
// is forgotten; if all are connected, the oldest connection ends. Three fields a
// device, and no inbox has more of them than that. What was closed stays closed: a
// number of a device that is not known must be above floor, the highest number of all
// that were forgotten. A new device whose ticket is older than that logs in once more.
// A forgotten device that comes back begins as a new one, without cursors.
//
// An inbox of an earlier version lists no devices, and may have thousands. The next
// opening lists them in steps of 256 fields and forgets what is beyond the bound.
//
// # Groups
//
// A group's slot decides who belongs to it; the list in the user's hash is an
// index. A change is written down in the user's hash first, then the group
// decides, then the list follows: see ChangeGroups. A change that was interrupted
// is finished by the next one of the same user and group, and when a session of the
// user opens. Should a failover make the two disagree, the group is right: who is
// listed and does not belong is pushed nothing and may join again.
//
// A group's id follows from its creator and the id of his request, by a hash: a
// request that is repeated finds the group that it made, however late, and nothing
// needs to be kept about requests. The creator alone adds and removes others. Who
// was removed joins again only if he is added.
//
// A group that has had no members for a minute is deleted, with what its former
// members have not read by then; joining it is joining none. For a day a repetition of
// the request that made it is told that there is none, too: otherwise it would bring
// back the creator alone. After that, and if nobody ever joined, the request makes a
// new group of that id, with another epoch.
//
// # Work queue
//
// What has to be done later, and by no request that somebody waits for, is a Job: of a
// kind, about a key, due at a time of the store. Jobs wait in 32 shards a kind. Routes
// do them when nodes ask what is due: they look for shards with Due, take some with
// TakeJobs under a lease of ten seconds, do them, and end them with EndJobs. One that
// nobody ended is taken again by the next: each is done at least once. A job that fails
// is tried again after 10 s, 20 s and so on up to an hour, and is a dead letter after
// twelve failures in a row. Delayed messages are jobs, too, with more to them.
//
// Each log has a job of the kind Sweeps from before it is made until it is gone, due
// when its oldest entry is too old. So writing to a log costs no further step, and a
// log that nobody writes to is within its retention by age, a fourteenth of that later
// at most. Logs of an earlier version, and of jobs that a failover forgot, are found by
// a job that goes through the keys of all masters, some thousand at a time, once in
// Retention.Age.
//
// Of the newest entry, which has to stay, the key, the number and the time remain, as
// an entry of the kind EXPIRED. It is skipped as the first entry of a log is, and counts
// as trimmed for who had not read it.
//
// # Delayed messages
//
// All that one user has scheduled is in one shard, and all keys of a shard are in
// one slot. Firing is Take, Append, Finish. Taking marks a message as firing, after
// which it cannot be cancelled, and gives it the time that it has in its logs;
// whoever dies after that leaves it marked and due. Its shard is free again when his
// lease has run out, and is then taken from its beginning: what was left in the
// middle comes first, under the same id and time, so that Append finds what it
// appended before. So a message is stored exactly once, and a sender's in the order
// in which they are due, as long as none who fires stands still for the ten
// seconds of a lease; then only the order may suffer. A lease that would run for
// longer was given by a clock that has jumped back since, and holds nobody up.
//
// The search ends at 1,000 entries. A log that gets more than that in the ten
// seconds after somebody died has the message twice, and readers drop it by its key.
//
// # Numbers
//
// An entry's number is the base plus its place in the list. That is dense and
// needs no counter, as long as base and list change together: hence MULTI around
// an append, and hence neither key may expire. A log that is lost begins anew
// with another epoch.
//
// # Time
//
// Every time that is stored is the store's: see clock. What a caller's clock says, or
// that of the process, has no part in it, nor in how far back a repetition is looked
// for. Retention by age needs the store and the process to agree that an entry is
// old: see Store.trim. A jump of the store's own clock shows in the times of entries,
// and may shorten the search for repetitions to 16 entries for five minutes.
//
// # Repetitions
//
// A sender's id stands for one message: to one receiver or group, with one text. What
// comes again under it is answered with where the first stands, or, if it is another
// message, with ErrIDReused. That is promised for messages marked Again and for delayed
// ones, for five minutes and 1,000 entries of a log: see Store.claim. A first try is
// stored as it comes, because a look costs eight times as much; nodes mark those whose
// ids may not be new. Two places are looked at: the ids that its sender used, in the
// sender's slot, before anything is written, and the log that the message goes to, in
// the step that appends it. What looks has to pass conformRepeats.
//
// A route that was paused with a first try in hand may store it when another one has
// stored its repetition. Nodes say when they sent what they hand on, by the store's
// clock, and 5 s later it is not stored any more: see firstTryLife. What a group's log
// is sent within that time and before somebody joined is looked for among the entries
// of that time, so that a newcomer is not shown what was first stored before.
//
// # Replicas
//
// With Config.Replicas, what a sender is told to be stored (messages, groups made,
// joined and left) is on that many replicas: what goes to one master is written in
// one pipeline with one WAIT at its end, and what arrives meanwhile is the next
// batch. Too few replicas in time, a lost connection, a primary that becomes a
// replica: ErrUnknown, and the repetition, which looks first, waits again, see
// append.lua. That survives the loss of the primary if one of those replicas is
// promoted (Sentinel and Cluster prefer the one that has most), not a primary
// that comes back empty and that replicas follow. Accounts, sessions and cursors
// are not waited for. The taking of a delayed message is, because a replica that does
// not know of it would let its sender cancel what was sent.
//
// Nothing is shown before, either. Pull, Find, Reconcile, OpenSessions, EnterNode and
// RenewNode read the primary, and then look once more for what they are about to
// tell (stand.lua). That look writes, and shares the WAIT of all that goes to its
// master at the time. Because it looks for the entries themselves, it does not matter
// which server was read: what a failover lost in between is not found. A route
// remembers how far each log is known to be replicated, of some 100,000 logs, and an
// end that it knows costs no look.
//
// While replicas are away, a route goes on telling of each log what it knows them to
// have. What it does not know is unavailable: an opening or a pull is to be repeated,
// and a reconciliation leaves that connection out.
//
// WAIT asks about the last write of its connection. Redis 7.0 waits behind a read, too;
// Valkey 9 answers at once that all replicas have it. In a transaction neither waits:
// Redis says that none has it, Valkey that all have. On another connection of the
// pool, or at another master, the answer is about something else. So all that is
// waited for writes, and is in one pipeline with its WAIT. A write that changes nothing,
// such as DEL of a key that is not there, is not replicated and does not count.
//
// # Costs
//
// Redis CPU of a private message, both copies together, 128 bytes of text,
// batches of 100 among 1,000 users, redis-server 7.0: 7 to 10 us by MULTI, which
// first-time messages take; 60 to 110 us by script, which messages marked Again take,
// where each looks back at some 50 entries a log, 20 to 30 us of it for the sender's
// ids. BenchmarkAppendPrivate measures it. A message to everyone takes 5 us, and while
// somebody comes 0.5 us more for each one of the last two seconds:
// BenchmarkAppendEveryone. A group's message of a batch takes 6 to 7 us, with 10 members as with 10,000:
// BenchmarkAppendGroup.
//
// A node that enters a group takes 4 to 6 us, one that holds it and asks for a user 1 us,
// a renewal 7.5 us: BenchmarkEnter. By a script, which parsed leases kept as one text,
// entering took 17 to 20 us on the same machine.
//
// With Config.Replicas, a look at what another route stored takes 13 to 20 us of the
// primary where many share a WAIT, and a WAIT for one alone 70 us, most of it for the
// answers of the replica: BenchmarkReplicatedReads. What is known to be replicated
// takes nothing.
//
// Asking all shards whether something is due takes some 50 us on one server. A
// delayed message takes 290 us from its scheduling to its removal, both copies
// included: BenchmarkDelayed. Sweeping a log takes 38 us, with its job: BenchmarkSweep.
//
// # Bounds
//
// No call sends a server more than 500 operations in one pipeline, and none sends
// another one when the server has failed or has taken half of Config.ReadTimeout for
// those before. What was not sent is ErrUnavailable, each by itself: a call that has
// many parts succeeds in part, and comes again with the rest. See Store.run.
//
// # Rights
//
// Dial asks for what its user may do, and names the commands that are refused. The list
// of those that are needed stands in rights.go. Enough are "~cim:* +@all -@dangerous
// +info"; Sentinels have users of their own.
//
// # Errors
//
// A call that failed is ErrUnavailable when it was certainly not executed, and
// ErrUnknown when a write was sent and no answer came. The Redis library repeats
// nothing. This package repeats what a server said it did not execute (a moved
// slot, a script it does not know), what was not sent because the connection
// turned out dead before it was used (Config.ProbeIdle), and a read, once, when its
// connection dies.
//
// While the store's memory is full, what writes fails with ErrUnavailable and what
// reads goes on. Redis 7.0 then refuses all that is in a MULTI, so a read of several
// things is repeated as a script (read.lua).
package record
