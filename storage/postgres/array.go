package postgres

import (
	"encoding/binary"
	"fmt"

	"github.com/lib/pq/oid"

	"github.com/ozonecloud/ozone/storage/internal/sqlstore"
)

// elementTypes are the types of the arrays' elements.
var elementTypes = map[sqlstore.Type]oid.Oid{sqlstore.Int: oid.T_int8, sqlstore.Text: oid.T_text, sqlstore.Bytes: oid.T_bytea}

// arrays is rows as one array for each column, in the binary form of the protocol: the server reads texts in
// it without looking at each character.
func arrays(columns []sqlstore.Column, rows int, values func(row int) []any) ([]any, error) {
	args := make([]any, len(columns))
	for i, c := range columns {
		size := 0
		for row := range rows {
			size += elementSize(values(row)[i])
		}
		array := newArray(elementTypes[c.Type], rows, size)
		for row := range rows {
			var err error
			if array, err = appendElement(array, values(row)[i]); err != nil {
				return nil, fmt.Errorf("column %s: %w", c.Name, err)
			}
		}
		args[i] = array
	}
	return args, nil
}

const (
	headSize = 20
	flagsAt  = 4 // where an array says whether it has NULLs
)

// newArray is the head of an array of one dimension.
func newArray(element oid.Oid, length, size int) []byte {
	array := make([]byte, 0, headSize+size)
	if length == 0 {
		return append32(append32(append32(array, 0), 0), int(element))
	}
	array = append32(array, 1) // dimension
	array = append32(array, 0) // no NULL yet
	array = append32(array, int(element))
	array = append32(array, length)
	return append32(array, 1) // the first index
}

func elementSize(v any) int {
	const word = 4 // the length of an element
	switch v := v.(type) {
	case int64:
		return word + 8
	case string:
		return word + len(v)
	case []byte:
		return word + len(v)
	default:
		return word
	}
}

func appendElement(array []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		array[flagsAt+3] = 1
		return append32(array, -1), nil
	case int64:
		return binary.BigEndian.AppendUint64(append32(array, 8), uint64(v)), nil //nolint:gosec // the same bits
	case string:
		return append(append32(array, len(v)), v...), nil
	case []byte:
		if v == nil {
			return appendElement(array, nil)
		}
		return append(append32(array, len(v)), v...), nil
	default:
		return nil, fmt.Errorf("a %T cannot be stored", v)
	}
}

func append32(array []byte, n int) []byte {
	return binary.BigEndian.AppendUint32(array, uint32(n)) //nolint:gosec // a length, or -1
}
