-- Of the services beside the classifier, whose own database the image makes (POSTGRES_DB).
create database registry;
create database airflow;
