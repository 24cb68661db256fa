package model

import (
	"slices"
	"strings"
)

// Page returns the page of items, ordered by key, that follows the key after, and the key to continue from: "" on the last
// page. Because the key of the last item is the marker, what is made or deleted between two calls shifts nothing.
func Page[T any](items []T, key func(T) string, after string, size int) (page []T, next string) {
	rest := make([]T, 0, len(items))
	for _, item := range items {
		if key(item) > after {
			rest = append(rest, item)
		}
	}
	slices.SortFunc(rest, func(a, b T) int { return strings.Compare(key(a), key(b)) })
	if len(rest) <= size {
		return rest, ""
	}
	return rest[:size], key(rest[size-1])
}
