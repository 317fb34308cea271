package main

import "testing"

// TestContent checks that no block passes for another, and what compresses.
func TestContent(t *testing.T) {
	for _, kind := range kinds {
		c := newContent(kind, 256<<10)
		for n := range 3 * len(c.blocks) {
			got := append([]byte(nil), c.block(n)...)
			if err := c.check(n, got); err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			if c.check(n+len(c.blocks), got) == nil {
				t.Fatalf("%s: block %d passes for block %d", kind, n, n+len(c.blocks))
			}
			got[len(got)-1] ^= 1
			if c.check(n, got) == nil || c.check(n, got[:len(got)-1]) == nil {
				t.Fatalf("%s: a wrong block passes", kind)
			}
		}
	}
}

func TestMedian(t *testing.T) {
	if m := median([]float64{5, 1, 3}); m != 3 {
		t.Errorf("median of three: %v", m)
	}
	if m := median([]float64{4, 1, 3, 2}); m != 2.5 {
		t.Errorf("median of four: %v", m)
	}
}
