-- +goose Up
CREATE INDEX image_deleted ON image (id) WHERE status = 'DELETED';

-- +goose Down
SELECT 1;
