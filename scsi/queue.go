package scsi

// job is a task, or an operation that is none (a request of the operator).
type job struct {
	task *Task
	op   func()
}

// queue is a ring of jobs. It grows and never shrinks, so that a task costs no
// allocation.
type queue struct {
	ring []job // length is a power of two
	head int
	n    int
}

func (q *queue) at(i int) *job { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

func (q *queue) grow() {
	if q.n < len(q.ring) {
		return
	}
	ring := make([]job, max(16, 2*len(q.ring)))
	for i := range q.n {
		ring[i] = *q.at(i)
	}
	q.ring, q.head = ring, 0
}

func (q *queue) pushBack(j job) {
	q.grow()
	q.n++
	*q.at(q.n - 1) = j
}

func (q *queue) pushFront(j job) {
	q.grow()
	q.head = (q.head - 1) & (len(q.ring) - 1)
	q.n++
	*q.at(0) = j
}

// popFront takes the first job out; there must be one.
func (q *queue) popFront() job {
	j := *q.at(0)
	*q.at(0) = job{}
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
	return j
}

// takeFunc takes out the tasks that match and returns them in order.
func (q *queue) takeFunc(match func(*Task) bool) []*Task {
	var taken []*Task
	kept := 0
	for i := range q.n {
		j := *q.at(i)
		if j.task != nil && match(j.task) {
			taken = append(taken, j.task)
			continue
		}
		*q.at(kept) = j
		kept++
	}
	for i := kept; i < q.n; i++ {
		*q.at(i) = job{}
	}
	q.n = kept
	return taken
}
