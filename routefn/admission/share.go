package admission

import "sync"

// A Share bounds how many requests of one user are served or wait at one time. It does so
// only while others want the places, so no place stays empty. So a user with very many
// requests takes few places from others. The zero Share is ready for use. It is safe for
// concurrent use.
type Share struct {
	mu    sync.Mutex
	users map[int64]int // requests by user
}

// smallestShare is how many requests a user may always have. It is more than a program
// that waits for its answers needs.
const smallestShare = 16

// shareOf returns how many requests of a class one user may always have in flight. It is
// an eighth of the class's limit, which the parameter has, but at least smallestShare.
func shareOf(limit int) int { return max(smallestShare, limit/8) }

// Enter counts one more request of the user. The parameters are the limit of the request's
// class and its spare places, see Limiter.Limit and Limiter.Spare. A user whose requests
// take a whole share may have more, as long as one share of the spare places is left for
// others. If a further request is not allowed, Enter returns false and counts nothing. If
// it returns true, the caller must call Leave once.
func (s *Share) Enter(user int64, limit, spare int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if share := shareOf(limit); limit >= 0 && s.users[user] >= share && spare <= share {
		return false
	}
	if s.users == nil {
		s.users = make(map[int64]int)
	}
	s.users[user]++
	return true
}

// Leave ends a request of the user.
func (s *Share) Leave(user int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users[user]--; s.users[user] == 0 {
		delete(s.users, user)
	}
}
