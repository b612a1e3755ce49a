CREATE TABLE vault.slow_things (id int);
