// Package record keeps accounts, sessions and logs in Redis. No other package uses
// Redis. The store may be one server, servers with Sentinels, or a Redis Cluster. For
// tests, and for a cluster of CIM on one machine, it may be package embedded.
//
// # Packages
//
//	record     what is kept, and what may happen to it
//	├─ dedup  ids of messages, which show repetitions
//	├─ pass  tokens that count, and budgets of requests
//	├─ accounts  names, ids and credentials of users, wrong passwords
//	├─ contacts relations between users: contacts, blocks, consent
//	├─ invite  invitations to groups
//	├─ transfer  imports, and lists for exports
//	├─ erasure  the end of an account
//	├─ queue   work for which no request waits
//	├─ delayed messages that are sent at a later time
//	├─ reports messages that users report to moderators
//	├─ watch   losses of the store, and the secret that routes share
//	└─ op      operations on Redis: pipelines, replicas, time, errors
//	   ├─ servers  connections: one server, Sentinels, a Cluster
//	   └─ clock    the time of the store
//	logref     the name of a log, its keys, and operations on them
//	rows       the small tables in the hash of a log
//	entry      the entries of logs, as they are stored
//	memory     how full the store is
//	recent     caches of what a Store has seen
//	scan       all keys of all masters, for exports and background work
//	cimsource  the data of CIM's own routes
//	embedded   a store inside the process
//	redistest, storetest   servers for tests
//
// A Store is made of the packages below it: it embeds op.DB, queue.Queue,
// accounts.Accounts, contacts.Contacts, invite.Invites, transfer.Transfers and
// erasure.Erasures. It also makes Watches. Only this package and the packages below it
// know operations and import the Redis library.
//
// A log is the inbox of a user or the log of a group. In this package, an opening makes a
// session live, and a closing ends it for good. An intent is a joining or leaving that is
// recorded and perhaps not carried out yet. Firing a delayed message means sending it
// when it is due.
//
// # Where is what
//
// A Go file without a folder is in this folder, and the scripts that it runs are in the
// folder lua. A path that begins with ../ is outside of this folder.
//
//	a message is appended              append.go, batch.go; lua/append.lua
//	an entry gets its number           append.go; lua/append.lua; see Numbers below
//	a repeated message is recognised   repeat.go, unite.go; folder dedup; lua/append.lua, find.lua. Before that, a node marks it
//	                                   (../../node/forward/ids.go). If it was stored twice nevertheless, it is shown once,
//	                                   because a history has its key: ../../client/receive.go, deliver; for CIM's clients
//	                                   ../../node/cim/catchup.go, has; in the browser ../web/page/history.js, has
//	a sender's rate is kept            rate.go; pass/lua/rate.lua; lua/charge.lua; a group's: lua/rates.lua, append.lua
//	a sender meets a receiver          meet.go; lua/meet.lua
//	an inbox is full                   full.go, crowded.go; lua/room.lua, contact.lua, fetched.lua, append.lua
//	a message is not wanted            guard.go; contacts/lua/guard.lua; lua/append.lua, recall.lua
//	a user blocks, or says who may     folder contacts. If the hash is lost: lua/make.lua
//	write
//	a request takes from a budget      pass.go; folder pass
//	a session is fenced                session.go, OpenSessions and CloseSessions; lua/open.lua, close.lua
//	a session gets its number          issue.go; lua/issue.lua
//	a cursor moves                     session.go, Ack; lua/ack.lua
//	a token becomes void               logout.go; lua/logout.lua; folder pass
//	a refresh token is used            refresh.go; lua/logins.lua, refresh.lua
//	sessions are listed, and ended     logins.go; lua/logins.lua, sessions.lua, revoke.lua
//	a device is forgotten              device.go; lua/device.lua, forget.lua, tidy.lua
//	a user of another system comes     accounts/subject.go
//	a wrong password is counted        accounts/try.go; accounts/lua/try.lua, tried.lua, count.lua
//	a log is read                      pull.go; lua/pull.lua
//	a log is shortened as it grows     trim.go; lua/trim.lua, by number and age
//	an idle log is shortened or ends   sweep_job.go, sweep.go; lua/sweep.lua, expire.lua
//	a log that is missing is made      make.go; lua/make.lua
//	a new group gets its members       fill.go; lua/fill.lua, enlist.lua
//	a user is invited to a group       folder invite
//	a user joins or leaves a group     change.go, intent.go; lua/intend.lua, change.lua, settle.lua
//	a user gets a role                 roles.go, which asks ../role; in the system officers.go; lua/role.lua
//	a newcomer begins in everyone's    inboxes.go, start.go; lua/pull.lua
//	log
//	a node gets a group's messages     lease.go; lua/enter.lua, drop.lua; rows/lua/lease.lua
//	a delayed message is kept          schedule.go, scheduled.go; folder delayed
//	a delayed message is taken, then   fire.go; queue/lua/take.lua; delayed/finish.go. In between, ../delayed/due.go sends it
//	removed
//	a message is reported              folder reports
//	other work is queued               folder queue; queue/lua/take.lua, end.lua
//	a write waits for replicas         op/replicate.go; op/run.go, Accept
//	an entry is shown when replicated  show.go; lua/stand.lua
//	a loss of the store is noticed     folder watch; watch/lua/mark.lua, key.lua
//	the route key is sealed            watch/vault.go, which asks ../keyseal; watch/lua/seal.lua
//	the time of the store is known     folder clock; op/time.go
//	operations are sent, and repeated  folder op
//	connections are made, and probed   folder servers
//	a node's sessions are compared     reconcile.go
//	an erasure goes on after a crash   erasure/erasure.go, EndErasure, which ../delayed/worker.go calls for each job
//	an account is erased               folder erasure; erase.go, accounts/erase.go, delayed/erase.go, reports/erase.go; accounts/lua/condemn.lua
//	data are imported and exported     folder transfer; importing.go, read.go, accounts/import.go; lua/arrive.lua; folder cimsource
//
// # Keys
//
// A key has a time to live only if its line says so. A name with .lua is a file in lua
// that writes the key, and other names are methods. The names after "read by" read
// the key.
//
//	cim:name:NAME   string  JSON {"id", "credential"}. Setting it makes the account: Register, Adopt or ImportAccounts, once.
//	                        credential.lua replaces the credential. With "erased" the account is being erased:
//	                        condemn.lua, FreeName. Read by AccountByName and AccountByID
//	cim:id:USER     string  the name. It is reserved before the name's key is set. If the name's key has another id, this
//	                        id is nobody's. A zero byte and "erased" in place of the name: the account was erased, and
//	                        nobody gets the id again. FreeName. Read by AccountByID
//	cim:subject:HASH string the name of the account of another system's user. HASH is a hash of the system and of the
//	                        user's id there. It counts only if the account's credential has the same hash. AdmitSubject,
//	                        read by AccountOf
//	cim:{key}       hash    the secret that all routes share, unless one is configured, sealed (keyseal). A route that finds
//	                        none puts back the secret that it knows: see Watch, also for the next two keys. key.lua, seal.lua
//	  current               the name of the present secret
//	  NAME                  the box of a secret, for each name in cim:{key}:known
//	cim:{key}       string  the same without a cluster key, and in earlier versions: the secret in hexadecimal. key.lua;
//	                        seal.lua replaces it by the hash
//	cim:{key}:known hash    when a route made a new secret, when a route last found a loss of the store, and the names of
//	                        the secrets that routes have used in the last 31 days: a plain secret is its own name.
//	                        key.lua, seal.lua
//	cim:{sN}:mark   string  the store's clock in ms, written again every 10 s. If it is gone or has gone back, its server
//	                        came back empty or older. mark.lua
//	cim:{pHASH}:try hash    tries at the password of an account. HASH is a hash of its name, even if there is no such
//	                        account. The key lives as long as its longest field. try.lua, tried.lua
//	  full                  when strange addresses have all their tries again, see bucket.lua; ten minutes at most
//	  from                  up to eight addresses from which somebody logged in, one a line, see from.lua; 90 days
//	cim:{aHASH}:try string  when an address has all its tries again, see bucket.lua; HASH is a keyed hash of it. count.lua
//	cim:{aHASH}:reg string  when an address has all its registrations again. count.lua
//	cim:{LOG}:l     list    a log: entries as proto.EncodeStored makes them, oldest first. LOG is a user's id,
//	                        for the inbox, or g and a group's id. It is never empty, because it begins with a genesis
//	                        entry of number 1, so that RPUSHX finds it. Made by makeLogs (make.lua) and CreateGroup
//	                        (create.lua), appended to by Append, change.lua and import.lua, shortened by trim.lua
//	                        alone. Read by Pull, Find, Reconcile
//	cim:{LOG}:h     hash    in the slot of the list:
//	  epoch                 16 hex digits, made with the log
//	  base                  how many entries were trimmed so far; trim.lua alone
//	  live                  inbox: the live sessions, one line a device; open.lua, close.lua, logout.lua, revoke.lua
//	                        and tidy.lua, read by Append, IssueNumber, Sessions, Reconcile
//	  issued                inbox: the session number that was issued last, one sequence for all devices; issue.lua,
//	                        open.lua, logout.lua. A number is the store's clock in ms at that time, or above it
//	  closed:DEVICE         inbox: the highest closed number of a device; open.lua, close.lua, logout.lua, revoke.lua, arrive.lua
//	  out:DEVICE            inbox: the number up to which the device's tokens and tickets are void, see void.lua;
//	                        logout.lua, revoke.lua, open.lua, arrive.lua, read by issue.lua, token.lua, sessions.lua
//	  out                   inbox: the same for all devices without cursors, which never connected or were forgotten;
//	                        logout.lua, revoke.lua, forget.lua, read with out:DEVICE
//	  cur:DEVICE            inbox: the device's cursors, one line a log; ack.lua, open.lua, arrive.lua, read by Cursors
//	  recv:DEVICE           inbox: what the device received and perhaps has not read, see Received: the session's line as
//	                        in live, perhaps "left" and the store's clock in ms, then one line a log; ack.lua,
//	                        removed by ack.lua and close.lua, read by open.lua
//	  read                  inbox: the number up to which at least one device has fetched it, see fetched.lua; ack.lua,
//	                        pull.lua, make.lua, arrive.lua, read by Append, trim.lua
//	  devices               inbox: the known devices, one a line; open.lua, close.lua, tidy.lua, arrive.lua, see device.lua
//	  logins                inbox: the last login of each device and its chains of refresh tokens, one device a line, see
//	                        logins.lua; issue.lua, refresh.lua, read by sessions.lua, revoke.lua
//	  floor, cur:           inbox: the highest closed number, and the cursor, of all forgotten devices; forget.lua
//	  rate                  inbox: the user's budget of messages, see rate.go; written and read by Append, charge.lua,
//	                        token.lua
//	  rate:groups, rate:pulls, rate:reports  inbox: the user's budgets of groups made, of pulls and of reports; token.lua
//	  rate:refreshes        inbox: the user's budget of refreshes; refresh.lua
//	  receivers             inbox: the user's budget of new receivers; meet.lua
//	  guard                 inbox: there if its owner does not take messages of everybody, see guard.lua; relate.lua,
//	                        consent.lua, make.lua, read by Append
//	  k:USER                inbox: the owner's mark of another user, blocked or contact, see guard.lua; relate.lua, make.lua,
//	                        read by Append. At most 3,000
//	  add, find             inbox: who may add the user to groups, and find the user by the id, if the user has said so;
//	                        relate.lua, consent.lua, make.lua, read by MayAdd, MayFind
//	  invited               inbox: the latest 100 invitations to groups, one a line: group TAB inviter TAB ms TAB the
//	                        group's name; invite.lua, decline.lua, read by Invitations
//	  marks                 inbox: how many fields k:USER there are; relate.lua, make.lua, read by open.lua, cursors.lua,
//	                        revoke.lua
//	  again                 inbox: when it was made again after a loss, in ms by the store's clock; make.lua, read by open.lua
//	                        and refresh.lua
//	  imported              when something was last imported behind other entries, in ms by its server's clock; import.lua,
//	                        read by append.lua
//	  redone                when an id was first claimed whose message a repetition has appended: the latest such time, in
//	                        ms; append.lua, read by Append
//	  import                inbox of an earlier version: where the listing of its devices goes on; open.lua, tidy.lua
//	  last                  inbox: node of the user's last session; open.lua, read by IssueNumber
//	  groups                inbox: the user's groups, one id a line; settle.lua, enlist.lua, read by Groups, ack.lua, open.lua
//	  intents               inbox: the user's intents, one line a group; intend.lua, settle.lua
//	  everyone              inbox: the end of everyone's log when the account was made: epoch, number and key. The user
//	                        may read what follows it. Missing: all. Register, read by Pull
//	  erased                inbox: of a user who is erased, or was, instead of all other fields but out, floor and groups:
//	                        the version by which they leave groups. erase.lua, read by make.lua, Reconcile. The key then
//	                        has 40 days to live
//	  version               inbox: the version of groups and intents; moved with each change of either
//	  nodes                 group: leases as earlier releases keep them, one line a node; read by Append and ChangeGroups,
//	                        removed by RenewNode
//	  name                  group: its name, which may be empty; create.lua, once
//	  creator, request      group: the user who made it, and the id of the request; create.lua, once. Read by
//	                        ChangeGroups, Groups, create.lua
//	  owner                 group: to whom it was handed over, or fell when the owner left; missing: the creator. It counts
//	                        only while that user is a member. role.lua, change.lua
//	  officers              group: its admins (of everyone: moderators and operators), one id a line, in the order of their appointment; role.lua, change.lua
//	  rights                group: the version of its roles, which counts their changes; role.lua, change.lua
//	  r:USER                group: the user's role: admin, read-only, or missing; role.lua, change.lua. Read by Append, Members.
//	                        read-only stays after the user has left. Of everyone: the role in the system, moderator or operator
//	  rates                 group: what the group and its members have left of their rates, see rates.lua; append.lua
//	  filling               group: there while first members do not have the group in their lists; fill.lua, removed by
//	                        FillGroup, read by sweep.lua
//	  joined                group: when a user last joined, in ms by the store's clock; of the group of everyone: when a
//	                        node last entered. change.lua, enter.lua, read by Append
//	  m:USER                group: "joined left version removed", see member.lua; change.lua, fill.lua, read by Append, Pull, EnterNode.
//	                        It stays after the user has left, 100 bytes, because they may still read up to there
//	cim:{LOG}:n     hash    group: the leases of nodes to which it is pushed; made by CreateGroup, written by EnterNode and
//	                        RenewNode (enter.lua), read by Append and ChangeGroups
//	  NODE                  a lease, "boot addr end", see lease.go. RenewNode removes expired ones (drop.lua)
//	  (empty)               no lease: this field keeps the key existing
//	cim:{USER}:to   zset    the latest 2,000 users to whom the user wrote, by the ms when a route last asked; meet.lua,
//	                        read by contact.lua
//	cim:{USER}:k    hash    what the user thinks of others: contacts, requests, blocks, and who may write, see relation.lua.
//	                        The marks in the hash of the inbox follow from it. relate.lua, consent.lua, read by make.lua,
//	                        Relations, Consent
//	cim:{USER}:x    string  whether the user blocks somebody, or has said who may add them to groups; relate.lua, consent.lua, read by
//	                        MayAdd
//	cim:{USER}:u    hash    how many messages of whom wait in an inbox, once many do, see room.lua; append.lua, trim.lua.
//	                        After its last change, it lives as long as an entry is kept
//	cim:{USER}:ids:N hash   the claims of a generation: see package dedup. N is the time, divided by
//	                        Config.IDs.Keep. The key lives twice that duration. Append, rotate.lua, release.lua
//	cim:{LOG}:imported string which messages were imported into the log, eight bytes each; import.lua writes and reads it
//	cim:{LOG}:m     zset    group: its members, names by ids; change.lua, fill.lua, read by Members and Groups. The hash decides who
//	                        is a member. This set has an order, for pages, and is not used in a send or a pull
//	cim:{LOG}:end   string  group: creator and request of a group with this id that has ended; a day to live. sweep.lua,
//	                        read by create.lua
//	cim:{reports}:open zset the open reports: their ids by the ms of the first reporter, or above it, so that each has a
//	                        number of its own; reports/lua/file.lua, decide.lua, forget.lua. 30 days to live after the last
//	cim:{reports}:r:ID hash a report. ID is a hash of a message's place and key. 30 days to live, and as many after a
//	                        decision. file.lua, decide.lua, forget.lua
//	  number, entry         its number in the set, and the message as the log had it
//	  u:USER                why a user reports it: ms TAB reason TAB note
//	  count, version        how many users report it, and how often these users have changed
//	  decision, by, note    after a decision, beside number and instead of all others: what was decided, the moderator, and a note
//	  from, group           after a decision: who wrote the message, and to which group
//	cim:{reports}:u:USER zset the open reports in which a user is noted, by their numbers; the same scripts. 30 days to live
//	cim:{dN}:due    zset    delayed messages of the senders in shard N: keys (proto.Key) by the ms when they are due, less
//	                        2^42 for messages that were taken; schedule.lua, cancel.lua, finish.lua, take.lua, read by
//	                        Shards
//	cim:{dN}:m      hash    the same messages, two fields each; schedule.lua, take.lua, removed by cancel.lua, finish.lua
//	  KEY                   an encoded proto.Entry, without its time; read by Scheduled, take.lua
//	  KEY f                 when the message was first taken, in ms by the store's clock: its time in the logs; take.lua,
//	                        read by all
//	cim:{dN}:lease  string  who has the lease of the shard; 10 s to live. take.lua
//	cim:{dN}:KIND:due, :m, :lease  the same for jobs of another kind. m has the field KEY for the Payload of a job, and
//	                        KEY n for how often it has failed. Put, take.lua, end.lua
//	cim:{dN}:KIND:dead zset jobs that have failed too often, by the ms of the last failure; end.lua, read by DeadJobs
//	cim:{dN}:p:USER zset    the user's pending messages, taken ones too: ids by the ms when they are due; schedule.lua,
//	                        cancel.lua, finish.lua, read by Scheduled
//	cim:{dN}:o:USER zset    how the user's latest 1,000 delayed messages ended: ids by a number, see outcome.lua; a day to
//	                        live after the last one. cancel.lua, finish.lua, read by schedule.lua, Dropped
//
// # Devices
//
// A user has at most Config.Devices devices. If one more comes, the Store forgets the
// device that was offline longest. If all are connected, it ends the oldest connection
// and forgets that device. So the hash of an inbox is bounded: a device takes three
// fields, and the device of CIM's clients takes a fourth one.
//
// The closed numbers of a forgotten device stay closed, because a number of an unknown
// device must be above floor, the highest number of all forgotten devices. So a new
// device whose ticket is older than that number must log in once more. A forgotten device
// that comes back begins as a new one, without cursors.
//
// The field logins has the last login of each known device, and of the latest eight
// devices that never connected. A device counts as logged in as long as the token of
// its last login is valid. Nothing else is kept about that.
//
// A new device has no cursor, and is not shown earlier messages to everyone. If the store
// lost a user's inbox, old devices have no cursor, either. But they must get the messages
// to everyone since then. So for 31 days, an inbox records that it was made again. During
// this time each device without a cursor begins at the beginning of everyone's log: see
// Opening.Start. So a new device may be shown too much, but no old device is shown too
// little. If a store came back in an older state, a device that came after that state
// counts as new.
//
// An inbox of an earlier version does not list its devices, and may have thousands. The
// next opening lists them, in steps of 256 fields, and forgets the devices beyond the
// bound.
//
// # Groups
//
// The slot of a group decides who belongs to the group. The list of groups in the user's
// hash is only an index. The comment of ChangeGroups has a picture of a change. If a
// failover makes the two differ, the slot of the group decides. A user who has a group in
// the list and is not a member gets no messages of it, and may join again.
//
// The id of a group is a hash of its creator, the id of the request, and a secret of the
// routes. So a repeated request finds the group that it made, even much later, and the
// store keeps no record of requests. A removed member cannot join again unless somebody
// with the right to do so adds them. Others cannot add a member who left by themselves.
//
// Package role has the rules about who may change a membership or a role. A caller reads
// the roles, calls that package, and passes the version of the roles to the script that
// makes the change. If the roles have changed since, the script changes nothing, and the
// caller decides again. So the rules are in one place, and are true at the moment of the
// change. Only append.lua works differently, to save a round trip. It gets a list of the
// roles that may write.
//
// A group that has had no members for a minute is deleted, even if former members have
// not read all its entries. Nobody can join it then. For a day, a repetition of the
// request that made it gets ErrNoGroup, because it would bring back the creator alone.
// After that day, or if nobody had ever joined, the request makes a new group, with the
// same id and another epoch.
//
// # Work queue
//
// Package queue has the jobs, and its comment says how they are done.
//
// Each log has a job of the kind queue.Sweeps. The job is made before the log, and stays
// until the log is gone. The job is due when the oldest entry of the log will be too old.
// So a write to a log need not schedule anything. A log without writes is shortened, too,
// and is at most a fourteenth of Retention.Age late. Another job finds logs of an earlier
// version, and logs whose jobs were lost in a failover. It looks at the keys of all
// masters, some thousand at a time, once in Retention.Age.
//
// The newest entry of a log must stay. If it is too old, it becomes an entry of the kind
// EXPIRED, which has the same key, number and time, but no text. Readers skip it, as
// they skip the first entry of a log. For a reader who had not read the entry, it counts
// as trimmed.
//
// # Numbers
//
// The number of an entry is the base of its log plus its place in the list. Such
// numbers are dense and need no counter, but base and list must always change together.
// So an append uses MULTI, and neither of the two keys may expire. A log that is lost
// begins anew with another epoch.
//
// # Time
//
// Every stored time is by the store's clock (package clock). No clock of a caller or of
// this process is used, not even to bound the search for repetitions. There is one
// exception. An entry is removed for its age only if the clock of the process, too, says
// that the entry is too old (Store.trim). If the store's own clock jumps, the times of entries
// jump, too, and repetitions may not be found.
//
// # Repetitions
//
// An id of a sender stands for one message, to one receiver or group, with one text. A
// repetition gets the position of the first one. Another message gets ErrIDReused. See
// the tests of conformRepeats, and those in claim_test.go for what comes between:
//
//	two routes claim an id             the second searches, and leaves the mark redone. The first sees this mark in the store's answer: unite
//	a route dies after its claim       the repetition stores the message, and moves the claim's time
//	a node's first try loses its note  the repetition is marked Again, and is searched for 5 minutes back
//	a failover loses a claim           with Config.Replicas, a claim is awaited before its message is sent, so none is lost
//	a log is shortened                 the sender's own copy decides. Without one, ErrForgotten says that nobody knows
//	ids are forgotten                  a request with the time of its first try gets ErrForgotten. Without that time, it counts as new
//
// A first try is stored at most 5 s after a node has sent it (firstTryLife). If somebody
// joined the group in between, append.lua first searches for the try, because a newcomer may see nothing older.
//
// # Replicas
//
// A write is acknowledged only after Config.Replicas have it. That is so for messages,
// and when groups are made, joined or left. The comment of package op says how it waits
// for replicas. A repetition first searches for the message and then waits again, see
// append.lua.
//
// An acknowledged message survives the loss of the primary if one of those replicas is
// promoted. Sentinel and Cluster prefer the replica that has received most. The message
// does not survive a primary that comes back empty, because its replicas copy that state.
//
// Other writes of accounts, sessions and cursors do not wait for replicas. These do:
// logouts, ended sessions, changed passwords, imports, and the taking of delayed
// messages. If the taking did not wait, a promoted replica might not know of it. It would
// then let the sender cancel a message that was sent.
//
// An entry is also not shown before Config.Replicas have it. Pull, Find, Reconcile,
// OpenSessions, EnterNode and RenewNode read the primary. Then they check the entries
// that they are about to return once more (stand.lua). That check is a write, and shares
// one WAIT with all ops that go to its master at the time. It searches for the entries
// themselves. So it does not matter which server was read, and the check fails for
// entries that a failover lost. A route remembers up to where each log is known to be replicated,
// for some 100,000 logs. An end up to there needs no check.
//
// While replicas are away, a route returns the entries that it knows to be replicated. If
// it knows of none, an opening or a pull gets ErrUnavailable and must be repeated. A
// reconciliation leaves that connection out.
//
// # Costs
//
// A private message is stored by MULTI. If its receiver's inbox has a guard, a script
// stores it. A message costs Redis 8 to 11 us of CPU with the note of its id. If the id is
// claimed before, the message costs 2 us more. A repetition is stored by a script and costs 60 to 130 us.
// That is for both copies, 128 bytes of text and batches of 100: BenchmarkAppendPrivate. A
// message to everyone takes 4 us. While nodes enter everyone's group, each batch takes up
// to 600 us more, to search the last two seconds: BenchmarkAppendEveryone. A group's
// message in a batch takes 6 to 7 us, with 10 members and with 10,000: BenchmarkAppendGroup.
//
// Entering a group takes 5 to 6 us. If the node holds the group already and only asks
// about a user, it takes 1 us. A renewal takes 6.5 us. BenchmarkEnter measures these.
//
// With Config.Replicas, checking an entry that another route stored takes the primary
// 13 to 20 us if many checks share a WAIT. A check with a WAIT of its own takes 70 us,
// most of it for the replica's answers: BenchmarkReplicatedReads. An entry that is
// known to be replicated costs nothing.
//
// A look whether something is due in any shard of a kind takes one server some 50 us. A
// delayed message takes 290 us from scheduling to removal, with both copies:
// BenchmarkDelayed. Sweeping a log takes 38 us, with its job: BenchmarkSweep.
package record
