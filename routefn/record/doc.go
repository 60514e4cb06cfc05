// Package record keeps accounts, sessions and logs in Redis. No other package uses
// Redis. It runs on one server, behind Sentinel, and on Redis Cluster; the
// look-alike of package embedded will do for tests and for one machine.
//
// # Where is what
//
// Files named without a folder are here; lua has the scripts that they run.
//
//	a message is appended              append.go, batch.go; lua/append.lua
//	a repeated message is recognised   repeat.go, claim; lua/claim.lua, append.lua, find.lua. Before that the node marks
//	                                   it (node/forward/ids.go); after that a reader drops it (proto/order)
//	a session is fenced                session.go, OpenSessions and CloseSessions; lua/open.lua, close.lua
//	a session gets its number          issue.go; lua/issue.lua
//	a token becomes void               logout.go, pass.go; lua/logout.lua, token.lua, void.lua
//	sessions are listed, and ended     logins.go; lua/logins.lua, sessions.lua, revoke.lua
//	a device is forgotten              device.go; lua/device.lua, forget.lua, tidy.lua
//	a wrong password is counted        try.go; lua/try.lua, tried.lua, count.lua
//	a log is read                      pull.go; lua/pull.lua
//	a log is shortened                 trim.go; lua/trim.lua, by number and age, when it grows
//	an idle log is shortened or ends   sweep.go; lua/sweep.lua, expire.lua
//	a log that is missing is made      make.go; lua/make.lua
//	a user joins or leaves a group     change.go, intent.go; lua/intend.lua, change.lua, settle.lua
//	a node gets a group's messages     lease.go; lua/lease.lua, drop.lua
//	a delayed message is kept, sent    schedule.go, scheduled.go, fire.go; lua/schedule.lua, take.lua, finish.lua
//	other work is queued               queue.go; lua/take.lua, end.lua
//	a write waits for replicas         replicate.go; run.go, accept
//	an entry is shown when replicated  show.go; lua/stand.lua
//	a loss of the store is noticed     watch.go; lua/mark.lua, key.lua
//	the time of the store is known     clock.go, now.go
//	operations are sent, and repeated  run.go, exec.go, op.go
//	a node's sessions are compared     reconcile.go
//	data are imported and exported     import_account.go, import_group.go, import_log.go, export.go, cimsource.go
//
// # Keys
//
// No key has a time to live, unless its line says so. "append" and so on stand for
// the method, or the file in lua, that writes a key.
//
//	cim:name:NAME   string  JSON {"id", "credential"}. Written once, by Register, Adopt or ImportAccounts: setting it makes the account.
//	                        A credential that is missing is added by credential.lua.
//	                        Read by AccountByName and AccountByID.
//	cim:id:USER     string  the name. Reserved before the name's key is set; one that its name does
//	                        not point back to is nobody's. Read by AccountByID.
//	cim:{key}       string  the secret that all routes share unless they are told one, in hexadecimal. Whoever finds none
//	                        puts back the one it had: see Watch, as for the next two. key.lua
//	cim:{key}:known hash    when a route made it anew, when a route last saw that the store had lost something, and the
//	                        keys that routes made things with, for 31 days. key.lua
//	cim:{sN}:mark   string  the store's clock in ms, moved every 10 s: one that is gone, or went back, shows that its
//	                        server came back empty, or older. mark.lua
//	cim:{pHASH}:try hash    tries at the passwords of an account; HASH is of its name, which may be nobody's. Ends with the
//	                        last of what is in it. try.lua, tried.lua
//	  full                  when the tries of strangers are allowed in full again: see bucket.lua; ten minutes at most
//	  from                  up to eight addresses from which it was logged in to, one a line: see from.lua; 90 days
//	cim:{aHASH}:try string  when an address may show as many wrong passwords again as ever; HASH is keyed. count.lua
//	cim:{aHASH}:reg string  the same for registrations from an address. count.lua
//	cim:{LOG}:l     list    a log: entries as proto.EncodeStored makes them, oldest first. LOG is a user's id,
//	                        for the inbox, or g and a group's id. Never empty: it begins with a genesis entry
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
//	  closed:DEVICE         inbox: the highest closed number of a device; open.lua, close.lua, logout.lua, revoke.lua
//	  out:DEVICE            inbox: the number up to which the device's tokens and tickets are void, see void.lua;
//	                        logout.lua, revoke.lua, open.lua, read by issue.lua, token.lua, sessions.lua
//	  out                   inbox: the same of all devices without cursors: they never connected, or were forgotten;
//	                        logout.lua, revoke.lua, forget.lua, read with out:DEVICE
//	  cur:DEVICE            inbox: the device's cursors, one line a log; ack.lua, read by Cursors
//	  recv:DEVICE           inbox: what the device received and perhaps has not read, see Received: the session's line as
//	                        in live, then one line a log; ack.lua, removed by it and close.lua, read by open.lua
//	  devices               inbox: the devices that are known, one a line; open.lua, close.lua, tidy.lua, see device.lua
//	  logins                inbox: the last login of each device, one a line; issue.lua, read by sessions.lua, revoke.lua
//	  floor, cur:           inbox: what is left of devices that were forgotten; forget.lua
//	  again                 inbox: ms of the store's clock when it was made, if it had been there before; make.lua, read by open.lua
//	  imported              ms of its server's clock when something was last imported behind other entries; import.lua,
//	                        read by append.lua, claim.lua
//	  import                inbox of an earlier version: where the listing of its devices goes on; open.lua, tidy.lua
//	  last                  inbox: node of the user's last session; open.lua, read by IssueNumber
//	  groups                inbox: the user's groups, one id a line; settle.lua, read by Groups, ack.lua, open.lua
//	  intents               inbox: joinings and leavings under way, one line a group; intend.lua, settle.lua
//	  version               inbox: of both; moved with each change of either
//	  nodes                 group: leases as releases before this one keep them, one line a node; read by Append and
//	                        ChangeGroups, taken over and removed by RenewNode
//	  name                  group: written once, by create.lua; may be empty
//	  creator               group: the user who made it, with request the id of that request; written once, by create.lua.
//	                        Read by ChangeGroups, Groups, create.lua
//	  joined                group: ms of the store's clock when somebody joined last, of everyone's when a node was entered
//	                        last; change.lua, EnterNode, read by Append
//	  m:USER                group: "joined left version removed", see member.lua; change.lua, read by Append, Pull, EnterNode.
//	                        It stays when the user has left, 100 bytes, because they may still read up to there
//	cim:{LOG}:n     hash    group: where it is pushed to; made by CreateGroup, written by EnterNode and RenewNode, read by
//	                        Append and ChangeGroups
//	  NODE                  a lease, "boot addr end", see lease.go. One that has run out is removed by RenewNode (drop.lua)
//	  (empty)               no lease: it keeps the key there
//	cim:{USER}:i:ID string  what the user's id of a message stands for: a hash of its receiver and text; claim.lua, and
//	                        read by it. Five minutes to live, 150 bytes
//	cim:{LOG}:imported string what was imported into the log, eight bytes a message; import.lua, and read by it
//	cim:{LOG}:m     zset    group: its members, names by ids; change.lua, read by Members and Groups. What decides is
//	                        the hash; this one has an order to page by, and no part in a send or a pull
//	cim:{LOG}:end   string  group: who made one of this id that has ended, by which request; a day to live. sweep.lua,
//	                        read by create.lua
//	cim:{dN}:due    zset    delayed messages of the senders in shard N, keys (proto.Key) by the ms when they are due, less
//	                        2^42 for those that were taken;
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
//	cim:{dN}:o:USER zset    how the user's latest 1,000 ended, ids by a number that outcome.lua tells; a day to live from the
//	                        last one. cancel.lua, finish.lua, read by schedule.lua, Dropped
//
// # Devices
//
// A user has at most Config.Devices devices. One more device makes the Store forget
// the one that was offline longest. If all are connected, the oldest connection ends.
// A device takes three fields of the inbox's hash, one of CIM takes a fourth, and no
// inbox has more. Closed numbers stay closed, because a number of an unknown device
// must be above floor, the highest number of all forgotten devices. A new device whose
// ticket is older than that logs in once more. A forgotten device that comes back
// begins as a new one, without cursors.
//
// Each login leaves a line in a list, with its number and the network that it came from.
// The list has no more devices than are known, and the last eight that never connected.
// A session counts until its device's tokens do not: nothing else is kept about it.
//
// A new device has no cursor, and is not shown earlier messages to everyone. A device
// that was there before the store lost its user's inbox has no cursor either, but
// must get what was accepted since. So an inbox that is made again records that, for
// 31 days. Until then each device without a cursor begins where everyone's log
// begins: see Opening.Start. A new device then sees too much, but no old one sees too
// little. In a store that came back older, a device that is newer than that state
// counts as new.
//
// An inbox of an earlier version lists no devices, and may have thousands. The next
// opening lists them in steps of 256 fields and forgets what is beyond the bound.
//
// # Groups
//
// A group's slot decides who belongs to it. The list in the user's hash is an index.
// ChangeGroups has the picture of a change. If a failover makes the two differ, the
// group is right. A user who has a group in the list and is no member gets no
// messages of it, and may join again.
//
// A group's id is a hash of its creator and the id of the request. So a repeated
// request finds the group that it made, however late, and nothing is kept about
// requests. The creator alone adds and removes others. A removed member joins again
// only if added.
//
// A group that has had no members for a minute is deleted, with entries that its
// former members have not read by then. It can then not be joined. For a day, a
// repetition of the request that made it gets ErrNoGroup, too. Otherwise it would
// bring back the creator alone. After that, and if nobody ever joined, the request
// makes a new group with the same id and another epoch.
//
// # Imports
//
// Imports keep the ids of their source. ImportAccounts, ImportGroup, ImportMembers and
// ImportMessages make what is missing and pass over the rest, so that they may be
// killed and repeated. A message goes only into the logs that are named, under its own
// time, and only once. The step that appends it leaves eight bytes of a hash of its key
// with the log. So a second import finds it although it was trimmed. The log is also
// searched, at some 0.5 us per entry, because the imported messages may have been
// exported from it. CIM reads the data of Java routes. ReadLogs and similar methods
// read the whole store, for exports.
//
// # Work queue
//
// Work that no request waits for is a Job: of a kind, about a key, due at a time of the
// store. Jobs wait in 32 shards a kind. Routes do them when nodes ask what is due. They
// look for shards with Due, take jobs with TakeJobs under a lease of ten seconds, do
// them, and end them with EndJobs. One that nobody ended is taken again by the next:
// each is done at least once. A job that fails is tried again after 10 s, 20 s and so
// on up to an hour, and is a dead letter after twelve failures in a row. Delayed
// messages are jobs, too, with more to them.
//
// Each log has a job of the kind Sweeps from before it is made until it is gone. It
// is due when the oldest entry is too old. So a write to a log needs no further step.
// A log without writes is shortened by age, at most a fourteenth of that age later.
// Another job finds logs of an earlier version, and logs whose jobs were lost in a
// failover. It goes through the keys of all masters, some thousand at a time, once in
// Retention.Age.
//
// The newest entry has to stay. Its key, its number and its time remain, as an entry
// of the kind EXPIRED. Readers skip it, as they skip the first entry of a log. For a
// reader who had not read it, it counts as trimmed.
//
// # Delayed messages
//
// All that one user has scheduled is in one shard, and all keys of a shard are in one
// slot. Firing is Take, Append, Finish. Taking marks a message as firing, after which
// it cannot be cancelled, and gives it the time that it has in its logs. If the process
// dies then, the message stays marked and due, whatever the clock does: job.lua. The
// shard is free again when that lease has run out, and is then taken from its
// beginning. The messages left in the middle come first, under the same id and time, so
// that Append finds what it appended before. So a message is stored exactly once, and a
// sender's in the order in which they are due. Only the order may suffer, if a route
// stands still for the ten seconds of a lease. A lease that would run for longer was
// given by a clock that has jumped back since, and holds nobody up.
//
// The search ends at 1,000 entries. A log that gets more than that in the ten
// seconds after somebody died has the message twice, and readers drop it by its key.
//
// # Numbers
//
// An entry's number is the base plus its place in the list. Such numbers are dense
// and need no counter, if base and list always change together. So an append uses
// MULTI, and neither key may expire. A log that is lost begins anew with another
// epoch.
//
// # Time
//
// Every stored time is a time of the store: see clock. No clock of a caller or of the
// process is used, also not for how far back a repetition is searched for. Retention
// by age needs the store and the process to agree that an entry is old: see
// Store.trim. A jump of the store's own clock shows in the times of entries. For five
// minutes it may shorten the search for repetitions to 16 entries.
//
// # Repetitions
//
// A sender's id stands for one message, to one receiver or group, with one text. A
// repetition gets the position of the first message. Another message under the same
// id gets ErrIDReused. That is promised for messages marked Again and for delayed
// ones, for five minutes and 1,000 entries of a log: see Store.claim. A first try is
// stored without a search, because a search costs eight times as much. Nodes mark
// messages whose ids may not be new. Two places are searched. Before anything is
// written, it is the ids that the sender used, in the sender's slot. In the step that
// appends, it is the log that the message goes to. Each implementation has to pass
// conformRepeats.
//
// A route that was paused with a first try may store it after another route has
// stored its repetition. Nodes say when they sent what they hand on, by the store's
// clock. After 5 s it is not stored any more: see firstTryLife. If somebody joined a
// group less than that after a message was sent, the message is searched for among
// the entries of that time. So a new member is not shown a message that was first
// stored before.
//
// # Replicas
//
// With Config.Replicas, everything whose storing is acknowledged (messages, groups
// made, joined and left) is on that many replicas. All writes to one master go out in
// one pipeline with one WAIT at its end. Writes that arrive meanwhile form the next
// batch. The result is ErrUnknown if too few replicas answer in time, if the connection
// is lost, or if the primary becomes a replica. A repetition first searches for the
// message and then waits again, see append.lua. An acknowledged message survives the
// loss of the primary if one of those replicas is promoted; Sentinel and Cluster prefer
// the one that has most. It does not survive a primary that comes back empty and that
// replicas follow. Writes of accounts, sessions and cursors do not wait for replicas.
// The taking of a delayed message does, because a replica that does not know of it
// would let its sender cancel a message that was sent.
//
// Nothing is shown earlier, either. Pull, Find, Reconcile, OpenSessions, EnterNode
// and RenewNode read the primary. Then they check the entries that they are about to
// return once more (stand.lua). That check writes, and shares the WAIT of all ops
// that go to its master at the time. It searches for the entries themselves, so it
// does not matter which server was read: entries that a failover lost are not found.
// A route remembers how far each log is known to be replicated, for some 100,000
// logs. A known end needs no check.
//
// While replicas are away, a route returns the entries that it knows to be
// replicated. All else is unavailable. An opening or a pull must be repeated, and a
// reconciliation leaves that connection out.
//
// WAIT answers for the last write of its connection. Behind a read, Redis 7.0 waits,
// too, and Valkey 9 answers at once that all replicas have it. In a transaction neither
// waits. Redis answers that no replica has it, Valkey that all have. On another
// connection of the pool, or at another master, the answer is about another write. So
// each op that needs replicas is a write, and is in one pipeline with its WAIT. A write
// that changes nothing, such as DEL of a key that does not exist, is not replicated and
// does not count.
//
// # Costs
//
// A private message costs Redis 7 to 10 us of CPU by MULTI, which first-time messages
// take, and 60 to 110 us by script, which messages marked Again take. That is for both
// copies, 128 bytes of text, batches of 100 among 1,000 users, redis-server 7.0. Each
// script looks back at some 50 entries per log; the sender's ids take 20 to 30 us of
// it. BenchmarkAppendPrivate measures it. A message to everyone takes 5 us, and while
// somebody comes 0.5 us more for each one of the last two seconds:
// BenchmarkAppendEveryone. A group's message of a batch takes 6 to 7 us, with 10
// members as with 10,000: BenchmarkAppendGroup.
//
// A node that enters a group takes 4 to 6 us, one that holds it and asks for a user 1 us,
// a renewal 7.5 us: BenchmarkEnter. By a script, which parsed leases kept as one text,
// entering took 17 to 20 us on the same machine.
//
// With Config.Replicas, a look at another route's entry takes 13 to 20 us of the
// primary if many share a WAIT. A WAIT for one alone takes 70 us, most of it for the
// replica's answers: BenchmarkReplicatedReads. An entry that is known to be replicated
// costs nothing.
//
// Asking all shards whether something is due takes some 50 us on one server. A
// delayed message takes 290 us from its scheduling to its removal, both copies
// included: BenchmarkDelayed. Sweeping a log takes 38 us, with its job: BenchmarkSweep.
//
// # Bounds
//
// No call sends a server more than 500 operations in one pipeline. After a failure,
// or half of Config.ReadTimeout, it sends that server no further pipeline. The
// operations that were not sent are ErrUnavailable. So a call with many parts may
// succeed in part, and the caller repeats the rest. See Store.run.
//
// # Rights
//
// Dial names the commands that its user may not use: rights.go lists those it needs.
// "~cim:* +@all -@dangerous +info" is enough; Sentinels have users of their own.
//
// # Errors
//
// A call returns ErrUnavailable if it was certainly not executed. It returns
// ErrUnknown if a write was sent and no answer came. The Redis library repeats
// nothing. This package repeats an operation in three cases. A server answered that it
// did not execute the operation (a moved slot, an unknown script). The connection was
// found dead before the operation was sent (Config.ProbeIdle). The operation is a read,
// and its connection died; this is repeated once.
//
// # The Redis library
//
// github.com/redis/go-redis/v9 v9.23.0 sends the pipelines. This package decides which
// operations are sent again, and where (op.go, run.go). github.com/redis/rueidis
// v1.0.79 was judged beside it. It repeats no write either, follows redirects, and
// sends what many callers ask at once in one pipeline. Its errors do not say whether a
// write was sent, which ErrUnavailable and ErrUnknown need, so op, run, probe and
// replicate would stay.
//
// Measured was the client's CPU per call of EVALSHA commands with 300 bytes each (ratio of
// rueidis to go-redis, medians of three runs on a busy machine, outside this repository):
//
//	commands per call      1      10     100
//	1 caller               0.7    1.6    1.2
//	16 callers at once     0.6    1.0    1.1
//
// A route's call has one pipeline with several commands, so there is nothing to gain, and
// go-redis stays. Calls of one command by many callers would be cheaper with rueidis.
//
// While the store's memory is full, writes fail with ErrUnavailable and reads still
// work. Redis 7.0 then refuses all commands in a MULTI, so a read of several keys or
// fields is repeated as a script (read.lua).
package record
