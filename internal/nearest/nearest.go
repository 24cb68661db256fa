// Package nearest finds what a person probably meant by a word that is not known.
package nearest

import (
	"slices"
	"strings"
)

const most = 3

// To lists the words among those known that look like word, the nearest first and three at most.
func To(word string, known []string) []string {
	type candidate struct {
		word     string
		distance int
	}
	var candidates []candidate
	limit := max(2, len(word)/3)
	for _, k := range known {
		d := distance(strings.ToLower(word), strings.ToLower(k))
		if d <= limit || contained(word, k) {
			candidates = append(candidates, candidate{k, d})
		}
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int { return a.distance - b.distance })
	var near []string
	for _, c := range candidates[:min(most, len(candidates))] {
		near = append(near, c.word)
	}
	return near
}

// contained reports whether one word is a part of the other, as in orders and orders-prod.
func contained(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	return min(len(a), len(b)) >= 3 && (strings.Contains(a, b) || strings.Contains(b, a))
}

// distance is Levenshtein's: how many letters to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
