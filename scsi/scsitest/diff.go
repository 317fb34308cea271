package scsitest

import (
	"fmt"
	"strings"
)

// diff shows the lines that differ, each with its number in what came.
func diff(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	common := lcs(w, g)
	var b strings.Builder
	i, j := 0, 0
	for _, c := range append(common, [2]int{len(w), len(g)}) {
		for ; i < c[0]; i++ {
			fmt.Fprintf(&b, "-%4d %s\n", i+1, w[i])
		}
		for ; j < c[1]; j++ {
			fmt.Fprintf(&b, "+%4d %s\n", j+1, g[j])
		}
		i, j = c[0]+1, c[1]+1
	}
	return b.String()
}

// lcs is a longest common subsequence of lines, as pairs of indices. What is
// too long for the table is compared line by line.
func lcs(a, b []string) [][2]int {
	if len(a)*len(b) > 1<<22 {
		var l [][2]int
		for i := range min(len(a), len(b)) {
			if a[i] == b[i] {
				l = append(l, [2]int{i, i})
			}
		}
		return l
	}
	n := make([][]int, len(a)+1)
	for i := range n {
		n[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				n[i][j] = n[i+1][j+1] + 1
			} else {
				n[i][j] = max(n[i+1][j], n[i][j+1])
			}
		}
	}
	var l [][2]int
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			l = append(l, [2]int{i, j})
			i, j = i+1, j+1
		case n[i+1][j] >= n[i][j+1]:
			i++
		default:
			j++
		}
	}
	return l
}
