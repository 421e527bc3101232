-- Names and cities by country, so that they fit each other. `share` is out of 100 customers.

CREATE OR REPLACE TEMP TABLE countries AS
FROM (VALUES
    ('FR', 'EUR', 20), ('DE', 'EUR', 16), ('GB', 'GBP', 13), ('ES', 'EUR', 10), ('IT', 'EUR', 9),
    ('NL', 'EUR', 6),  ('PL', 'PLN', 6),  ('IE', 'EUR', 4),  ('SE', 'SEK', 4),  ('PT', 'EUR', 4),
    ('CZ', 'CZK', 3),  ('TR', 'TRY', 3),  ('US', 'USD', 2)
) AS country(country_code, currency, share);

-- One row for each of the 100 faces of a die.
CREATE OR REPLACE TEMP TABLE country_faces AS
SELECT row_number() OVER (ORDER BY share DESC, country_code, n) - 1 AS face, country_code, currency
FROM countries, range(share) AS t(n);

CREATE OR REPLACE TEMP TABLE name_lists AS
FROM (VALUES
    ('FR',
     ['Camille', 'Chloé', 'Léa', 'Manon', 'Inès', 'Zoé', 'Anaïs', 'Élodie', 'Noémie', 'Margaux',
      'Lucas', 'Hugo', 'Théo', 'Jérôme', 'François', 'Rémi', 'Loïc', 'Gaël', 'Mathéo', 'Jean-Baptiste',
      'Sébastien', 'Aurélie', 'Marie-Claire', 'Benoît'],
     ['Martin', 'Bernard', 'Dubois', 'Lefèvre', 'Moreau', 'Girard', 'Roux', 'Fournier', 'Mercier',
      'Dupont', 'Lambert', 'Fontaine', 'Chevalier', 'Gauthier', 'Perrin', 'Müller', 'Noël', 'Béranger',
      'Hébert', 'D''Angelo', 'Le Goff', 'de La Tour', 'N''Diaye', 'Benali'],
     ['Paris', 'Lyon', 'Marseille', 'Toulouse', 'Nantes', 'Bordeaux', 'Lille', 'Saint-Étienne',
      'Besançon', 'Orléans', 'Nîmes', 'Angers']),
    ('DE',
     ['Anna', 'Lena', 'Jürgen', 'Björn', 'Käthe', 'Sören', 'Ute', 'Günther', 'Jörg', 'Leonie',
      'Maximilian', 'Finn', 'Greta', 'Heike', 'Matthias', 'Paul', 'Emilia', 'Mia', 'Ben', 'Elif',
      'Karl-Heinz', 'Zoë', 'René', 'Annegret'],
     ['Müller', 'Schmidt', 'Schneider', 'Fischer', 'Weber', 'Meyer', 'Wagner', 'Becker', 'Schäfer',
      'Köhler', 'Krüger', 'Weiß', 'Groß', 'Jäger', 'Schröder', 'Böhm', 'Vogel', 'von Hagen',
      'Yılmaz', 'Kaya', 'Öztürk', 'Lehmann', 'Hübner', 'Voß'],
     ['Berlin', 'Hamburg', 'München', 'Köln', 'Frankfurt am Main', 'Stuttgart', 'Düsseldorf',
      'Leipzig', 'Nürnberg', 'Münster', 'Würzburg', 'Lübeck']),
    ('GB',
     ['Olivia', 'Amelia', 'Isla', 'Poppy', 'Freya', 'Harriet', 'George', 'Arthur', 'Oliver', 'Alfie',
      'Siân', 'Rhys', 'Eilidh', 'Callum', 'Priya', 'Mohammed', 'Zara', 'Aisha', 'Thomas', 'Grace',
      'Mary-Jane', 'Chloë', 'Ewan', 'Imogen'],
     ['Smith', 'Jones', 'Taylor', 'Brown', 'Williams', 'Wilson', 'Davies', 'Evans', 'Patel', 'Khan',
      'MacDonald', 'Campbell', 'O''Connor', 'Begum', 'Singh', 'Ward', 'Fletcher', 'Hughes',
      'Lloyd-Jones', 'Okafor', 'Wright', 'Robinson', 'Clarke', 'Ashworth'],
     ['London', 'Manchester', 'Birmingham', 'Leeds', 'Glasgow', 'Edinburgh', 'Cardiff', 'Bristol',
      'Sheffield', 'Newcastle upon Tyne', 'Belfast', 'York']),
    ('ES',
     ['Lucía', 'María', 'Sofía', 'Martina', 'Begoña', 'Íñigo', 'José', 'Álvaro', 'Andrés', 'Iván',
      'Nuria', 'Noelia', 'Paula', 'Adrián', 'Raúl', 'Óscar', 'Marta', 'Elena', 'María José', 'Jesús',
      'Núria', 'Aitor', 'Ainhoa', 'Joaquín'],
     ['García', 'Fernández', 'González', 'Rodríguez', 'López', 'Martínez', 'Sánchez', 'Pérez',
      'Gómez', 'Martín', 'Jiménez', 'Ruiz', 'Díaz', 'Muñoz', 'Núñez', 'Peña', 'Ibáñez', 'Castaño',
      'García Lorca', 'de la Fuente', 'Etxeberria', 'Puig', 'Ordóñez', 'Yáñez'],
     ['Madrid', 'Barcelona', 'València', 'Sevilla', 'Zaragoza', 'Málaga', 'Bilbao', 'A Coruña',
      'Córdoba', 'Cádiz', 'Logroño', 'Palma']),
    ('IT',
     ['Giulia', 'Sofia', 'Aurora', 'Chiara', 'Martina', 'Alessandro', 'Lorenzo', 'Matteo', 'Niccolò',
      'Francesca', 'Federica', 'Marco', 'Luca', 'Davide', 'Giorgia', 'Noè', 'Elisa', 'Nicolò',
      'Simone', 'Maria Grazia', 'Tommaso', 'Ilaria', 'Beatrice', 'Giò'],
     ['Rossi', 'Russo', 'Ferrari', 'Esposito', 'Bianchi', 'Romano', 'Colombo', 'Ricci', 'Marino',
      'Greco', 'Bruno', 'Gallo', 'Conti', 'De Luca', 'Costa', 'Giordano', 'Rizzo', 'D''Amico',
      'Dell''Orto', 'Lo Presti', 'Nicolò', 'Barbieri', 'Fontana', 'Caruso'],
     ['Roma', 'Milano', 'Napoli', 'Torino', 'Bologna', 'Firenze', 'Genova', 'Palermo', 'Verona',
      'Forlì', 'L''Aquila', 'Cantù']),
    ('NL',
     ['Sanne', 'Femke', 'Noor', 'Fleur', 'Daan', 'Sem', 'Bram', 'Thijs', 'Lieke', 'Joost', 'Maaike',
      'Jeroen', 'Anouk', 'Renée', 'Zoë', 'Willem-Jan', 'Roos', 'Julia', 'Ruben', 'Loïs', 'Sjoerd',
      'Marijke', 'Tess', 'Koen'],
     ['de Jong', 'Jansen', 'de Vries', 'van den Berg', 'van Dijk', 'Bakker', 'Visser', 'Smit',
      'Meijer', 'de Boer', 'Mulder', 'Bos', 'van ''t Hof', 'Hendriks', 'van Leeuwen', 'Dekker',
      'Brouwer', 'Postma', 'El Amrani', 'Kuipers', 'van der Meer', 'Scholten', 'Prins', 'Koç'],
     ['Amsterdam', 'Rotterdam', '''s-Gravenhage', 'Utrecht', 'Eindhoven', 'Groningen', 'Haarlem',
      'Nijmegen', '''s-Hertogenbosch', 'Leiden', 'Delft', 'Maastricht']),
    ('PL',
     ['Zofia', 'Julia', 'Małgorzata', 'Agnieszka', 'Łucja', 'Stanisław', 'Łukasz', 'Michał', 'Paweł',
      'Wojciech', 'Katarzyna', 'Róża', 'Jakub', 'Antoni', 'Bożena', 'Grażyna', 'Kacper', 'Oliwia',
      'Zuzanna', 'Maja', 'Mieczysław', 'Szymon', 'Aleksandra', 'Rafał'],
     ['Nowak', 'Kowalska', 'Wiśniewski', 'Wójcik', 'Kowalczyk', 'Kamińska', 'Lewandowski',
      'Zieliński', 'Szymańska', 'Woźniak', 'Dąbrowski', 'Kozłowska', 'Jankowski', 'Mazur',
      'Krawczyk', 'Piotrowska', 'Grabowski', 'Pawłowski', 'Król', 'Wróbel', 'Zając', 'Błaszczyk',
      'Górska', 'Żak'],
     ['Warszawa', 'Kraków', 'Łódź', 'Wrocław', 'Poznań', 'Gdańsk', 'Szczecin', 'Białystok', 'Toruń',
      'Rzeszów', 'Zielona Góra', 'Świdnica']),
    ('IE',
     ['Aoife', 'Saoirse', 'Niamh', 'Caoimhe', 'Róisín', 'Siobhán', 'Seán', 'Cillian', 'Oisín',
      'Pádraig', 'Fionn', 'Conor', 'Ciarán', 'Éabha', 'Gráinne', 'Máire', 'Darragh', 'Tadhg',
      'Orla', 'Sinéad', 'Eoin', 'Clodagh', 'Liam', 'Nóra'],
     ['O''Neil', 'O''Brien', 'Murphy', 'Kelly', 'Byrne', 'Ryan', 'O''Sullivan', 'Walsh', 'Doyle',
      'McCarthy', 'Gallagher', 'Doherty', 'Kennedy', 'Lynch', 'Quinn', 'Ó Súilleabháin', 'Ní Dhuibhne',
      'FitzGerald', 'Nolan', 'Daly', 'Keane', 'Healy', 'Brennan', 'Mac Giolla'],
     ['Dublin', 'Cork', 'Galway', 'Limerick', 'Waterford', 'Sligo', 'Kilkenny', 'Dún Laoghaire',
      'Drogheda', 'Ennis', 'Tralee', 'Athlone']),
    ('SE',
     ['Alice', 'Maja', 'Elsa', 'Åsa', 'Linnéa', 'Göran', 'Björn', 'Sören', 'Åke', 'Örjan', 'Ebba',
      'William', 'Hugo', 'Axel', 'Märta', 'Malin', 'Jonas', 'Pär', 'Anna-Karin', 'Love', 'Tove',
      'Gösta', 'Ylva', 'Håkan'],
     ['Andersson', 'Johansson', 'Karlsson', 'Nilsson', 'Eriksson', 'Larsson', 'Olsson', 'Persson',
      'Svensson', 'Gustafsson', 'Lindström', 'Åberg', 'Sjöberg', 'Öberg', 'Bergström', 'Lundqvist',
      'Hedström', 'Ek', 'Sandström', 'Holmgren', 'Åkesson', 'Björk', 'Söderlund', 'Hägg'],
     ['Stockholm', 'Göteborg', 'Malmö', 'Uppsala', 'Västerås', 'Örebro', 'Linköping', 'Jönköping',
      'Norrköping', 'Umeå', 'Gävle', 'Växjö']),
    ('PT',
     ['Maria', 'Inês', 'Leonor', 'Beatriz', 'Mariana', 'João', 'Tomás', 'Gonçalo', 'Simão', 'Tiago',
      'Luís', 'António', 'Conceição', 'Joana', 'Catarina', 'Duarte', 'Rui', 'Mónica', 'Sebastião',
      'Filipa', 'Carolina', 'Nuno', 'Vitória', 'Zé'],
     ['Silva', 'Santos', 'Ferreira', 'Pereira', 'Oliveira', 'Costa', 'Rodrigues', 'Martins', 'Sousa',
      'Fernandes', 'Gonçalves', 'Gomes', 'Lopes', 'Marques', 'Alves', 'Conceição', 'Simões', 'Araújo',
      'Guimarães', 'Magalhães', 'da Cunha', 'dos Reis', 'Falcão', 'Brandão'],
     ['Lisboa', 'Porto', 'Braga', 'Coimbra', 'Évora', 'Setúbal', 'Guimarães', 'Viseu', 'Aveiro',
      'Leiria', 'Faro', 'Bragança']),
    ('CZ',
     ['Tereza', 'Eliška', 'Anežka', 'Kateřina', 'Lucie', 'Jiří', 'Tomáš', 'Ondřej', 'Lukáš', 'Matěj',
      'Vojtěch', 'Zdeněk', 'Božena', 'Věra', 'Hana', 'Jakub', 'Adéla', 'Natálie', 'Šimon', 'Štěpán',
      'Radka', 'Michal', 'Zuzana', 'Žofie'],
     ['Novák', 'Svobodová', 'Novotný', 'Dvořák', 'Černá', 'Procházka', 'Kučera', 'Veselá', 'Horák',
      'Němcová', 'Pokorný', 'Růžička', 'Fiala', 'Sedláček', 'Doležal', 'Zeman', 'Kolářová', 'Šťastný',
      'Říha', 'Žák', 'Křížová', 'Čermák', 'Hájek', 'Bílá'],
     ['Praha', 'Brno', 'Ostrava', 'Plzeň', 'Liberec', 'Olomouc', 'České Budějovice',
      'Hradec Králové', 'Ústí nad Labem', 'Zlín', 'Jihlava', 'Třebíč']),
    ('TR',
     ['Zeynep', 'Elif', 'Ayşe', 'Fatma', 'Çağla', 'Gülşen', 'Mehmet', 'Mustafa', 'Ömer', 'Yiğit',
      'Emre', 'Barış', 'Çağrı', 'İrem', 'Işıl', 'Deniz', 'Ece', 'Şule', 'Umut', 'Kerem', 'Özge',
      'Tuğba', 'Oğuz', 'Ümit'],
     ['Yılmaz', 'Kaya', 'Demir', 'Çelik', 'Şahin', 'Yıldız', 'Öztürk', 'Aydın', 'Özdemir', 'Arslan',
      'Doğan', 'Kılıç', 'Aslan', 'Çetin', 'Kara', 'Koç', 'Kurt', 'Özkan', 'Şimşek', 'Güneş', 'Erdoğan',
      'Bulut', 'Ünal', 'Ateş'],
     ['İstanbul', 'Ankara', 'İzmir', 'Bursa', 'Antalya', 'Adana', 'Konya', 'Eskişehir', 'Gaziantep',
      'Kayseri', 'Muğla', 'Çanakkale']),
    ('US',
     ['Emma', 'Ava', 'Sophia', 'Mia', 'Madison', 'Liam', 'Noah', 'Ethan', 'Mason', 'Aiden', 'José',
      'Renée', 'Guadalupe', 'DeShawn', 'LaToya', 'Mary Ann', 'Wei', 'Linh', 'Sarah', 'Tyler',
      'Brooklyn', 'Hunter', 'Beyoncé', 'Xochitl'],
     ['Johnson', 'Miller', 'Davis', 'Garcia', 'Rodriguez', 'Martinez', 'Hernandez', 'Lopez',
      'Anderson', 'Thomas', 'Jackson', 'Lee', 'Nguyen', 'O''Neil', 'McKenzie', 'St. James', 'Peña',
      'Cooper', 'Washington', 'Kowalski', 'Chen', 'Smith-Wesson', 'Null', 'Test'],
     ['New York', 'Los Angeles', 'Chicago', 'Houston', 'San José', 'Seattle', 'Denver', 'Boston',
      'Portland', 'Austin', 'Coeur d''Alene', 'St. Louis'])
) AS list(country_code, first_names, last_names, cities);

CREATE OR REPLACE TEMP TABLE first_names AS
SELECT country_code, generate_subscripts(first_names, 1) - 1 AS face, unnest(first_names) AS name
FROM name_lists;

CREATE OR REPLACE TEMP TABLE last_names AS
SELECT country_code, generate_subscripts(last_names, 1) - 1 AS face, unnest(last_names) AS name
FROM name_lists;

CREATE OR REPLACE TEMP TABLE cities AS
SELECT country_code, generate_subscripts(cities, 1) - 1 AS face, unnest(cities) AS name
FROM name_lists;

-- `Ó Súilleabháin` as it stands in an e-mail address: osuilleabhain.
CREATE OR REPLACE TEMP MACRO ascii_letters(name) AS
    regexp_replace(
        translate(strip_accents(replace(lower(name), 'ß', 'ss')), 'łøıđæ', 'loida'),
        '[^a-z]', '', 'g');
