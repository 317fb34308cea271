package iscsi

// MemoryTaken is what sessions have of the target's memory beyond their shares, and
// how many wait for more.
func (t *Target) MemoryTaken() (windows, loans int64, waiting int) {
	b := t.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	quarter := t.opt.Limits.Memory / 4
	return quarter - b.windows, quarter - b.loans, len(b.waiting)
}
