"""The glossary's words: `word english`, divided by bars, and the small words by which a language is known.

Keys are without accents and lower case. A stem that ends in `*` covers its inflections; the first entry of a key
counts.
"""

from __future__ import annotations

GERMAN = (
    "warum why|wieso why|weshalb why|woran what|worauf what|wofur what for|was what|wer who|wen whom|wem whom|"
    "wessen whose|welche* which|wie how|wo where|wann when|wohin where|viele many|viel much|gibt is|es there|"
    "ist is|sind are|war was|waren were|wurde* was|hat has|haben have|hatte* had|hatten had|habe have|kann can|"
    "kannst can|konnen can|soll should|sollen should|sollte* should|muss must|mussen must|mochte want|brauche need|"
    "brauchen need|ich I|du you|wir we|uns us|mir me|mich me|mein* my|unser* our|ihr their|sie they|er he|"
    "dein* your|man one|der the|die the|das the|den the|dem the|des the|ein a|eine* a|und and|oder or|aber but|"
    "nicht not|kein* no|fur for|mit with|ohne without|von of|vom of the|zu to|zum to the|zur to the|im in the|"
    "am on the|beim at the|bei at|nach after|vor before|seit since|bis until|zwischen between|gegen around|um at|"
    "uber about|unter under|auf on|aus from|durch through|an at|heute today|gestern yesterday|"
    "vorgestern day before yesterday|morgen tomorrow|jetzt now|gerade right now|aktuell currently|noch still|"
    "schon already|wieder again|alle all|alles everything|etwas something|woche week|wochen weeks|"
    "wochenende weekend|tag day|tage* days|monat* month|jahr* year|quartal quarter|stunde* hour|uhr o'clock|"
    "abend* evening|nachmittag* afternoon|vormittag* morning|nacht night|mittag* noon|montag* monday|"
    "dienstag* tuesday|mittwoch* wednesday|donnerstag* thursday|freitag* friday|samstag* saturday|sonntag* sunday|"
    "letzte* last|nachste* next|diese* this|vergangene* past|januar january|februar february|marz march|mai may|"
    "juni june|juli july|oktober october|dezember december|anmeldung* signups|registrierung* signups|"
    "registriert* signed up|registrieren sign up|anmelden sign up|neuanmeldung* new signups|konto account|"
    "konten accounts|nutzer* users|benutzer* users|kunde* customers|kunden customers|firma company|"
    "firmen companies|leute people|testphase* trials|probeabo* trials|kundigung* cancellations|gekundigt cancelled|"
    "abwanderung* churn|umsatz* revenue|umsatze revenue|bestellung* orders|bestellen order|kauf* purchases|"
    "kaufe purchases|bezahl* payment|zahlung* payment|rechnung* invoices|nachricht* messages|"
    "seitenaufrufe* page views|aufrufe* views|besucher* visitors|abos subscriptions|abo subscription|"
    "abschlusse conversions|buchung* bookings|aktivierung* activation|export* export|exporte exports|preis* price|"
    "preise prices|tarif* plan|gratis free|kostenlos* free|gefallen dropped|gesunken dropped|fallen falling|"
    "sinken falling|sinkt falls|fallt falls|eingebrochen collapsed|einbruch drop|einbruche drops|brechen collapse|"
    "bricht collapses|ruckgang drop|zuruckgegangen declined|zuruck back|gehen go|geht goes|gestiegen risen|"
    "steigen rise|steigt rises|anstieg rise|halbiert halved|verdoppelt doubled|verdreifacht tripled|weniger fewer|"
    "wenige* few|mehr more|so so|stimmt true|wahr true|grund reason|ursache cause|verursacht caused|liegt is due|"
    "los going on|passiert happened|passierte happened|geschah happened|geschehen happened|geandert changed|"
    "kaputt broken|gemacht did|macht does|machen do|mach make|zuruckrollen roll back|zurucknehmen revert|"
    "ausrollen roll out|blockier* blocks|blockade* blockers|hangt stuck|hangen stuck|halt holds|hindert prevents|"
    "aufhalt* holds up|wartet waits|warten wait|abhangig* depends|abhangigkeit* dependencies|hindernis* obstacles|"
    "weg way|steht stands|stehen stand|meilenstein* milestone|fertig done|projekt project|liefern ship|"
    "liefer* ship|ausgeliefert shipped|veroffentlich* release|live live|neuerung* new features|neu* new|"
    "funktion* features|produktion production|deployt deployed|ausrollen roll out|kommt comes|kommen come|"
    "fehler bug|fehlern bugs|storung* outage|ausfall* outage|absturz crash|absturze crashes|sturzt crashes|"
    "dringend* urgent|kritisch* critical|hoch high|hohe* high|priorita* priority|zugewiesen* assigned|"
    "verantwortlich* owner|offen* open|schlimmste* worst|zeig* show|liste list|entwickelt developing|"
    "entwicklung development|entwickeln developing|verlauf trend|anzahl number|quote rate|rate rate|"
    "kennzahl* metrics|zahlen numbers|trend* trend|diagramm chart|pro per|stand status|status status|behoben fixed|"
    "beheb* fix|reparier* fix|repariert fixed|korrigier* fix|erledigt done|arbeitet working|arbeiten work|"
    "arbeit work|weit far|gelaufen run|durchgelaufen gone through|schlagt is|fehl failing|fehlgeschlagen failed|"
    "zustandig* responsible|betroffen* affected|betrifft affects|trifft affects|beschwert complained|"
    "informier* notify|problem* problem|melden report|gemeldet reported|bericht report|wochenbericht weekly report|"
    "wochenreport weekly report|zusammenfass* summary|fasse summarize|zusammen together|lief went|erstelle* create|"
    "erstell* create|ubersicht overview|aufgabe* tasks|nachstes next|erstes first|zuerst first|anstehen* pending|"
    "tun do|dokument* documents|doku documentation|anleitung guide|handbuch manual|entschieden decided|"
    "entscheidung* decision|beschlossen decided|konzept concept|finde* find|such* search|notiz* notes|"
    "datenschutz privacy|unterlagen documents|kampagne* campaign|notfall emergency|hilfe help|helfen help|"
    "hilf help|hallo hello|guten good|danke thanks|fragen ask|verbunden connected|bitte please|eskalier* escalate|"
    "bereitschaft* on-call|alarmier* alert|bescheid notice|sag tell|team team|leg create|lege create|"
    "anlegen create|angelegt created|ticket ticket|neues new|schreib* write|eintrag* entry|prufen check|"
    "prufe check|wetter weather|witz joke|erzahl tell|gedicht poem|ubersetz* translate|flug flight|kuchen cake|"
    "koche cook|buche book|bestell* order|hauptstadt capital|spielt plays|gewonnen won|spat late|urlaub vacation|"
    "termin appointment|kauf buy|stellenanzeige job ad|film movie|kopfschmerzen headache|auto car|licht light|"
    "wecker alarm|stuhle chairs|buro office"
)

SPANISH = (
    "por for|que what|porque because|quien who|quienes who|cual which|cuales which|cuanto how much|cuanta how much|"
    "cuantos how many|cuantas how many|como how|donde where|cuando when|es is|son are|esta is|estan are|estaba was|"
    "fue was|fueron were|hay there is|ha has|han have|hemos have|tenemos have|tiene has|tienen have|tengo have|"
    "tuvimos had|tuvieron had|puede can|puedes can|puedo can|debo should|deberia should|debemos should|hacer do|"
    "hago do|haz make|hizo did|hicimos did|yo I|me me|mi my|mis my|nos us|nuestro* our|nuestra* our|tu your|su its|"
    "sus their|se itself|le him|el the|la the|los the|las the|un a|una a|unos some|y and|o or|pero but|no not|"
    "ya already|sin without|con with|de of|del of the|al to the|en in|para for|desde since|hasta until|"
    "entre between|sobre about|alrededor around|tras after|despues after|antes before|durante during|hoy today|"
    "ayer yesterday|anteayer day before yesterday|manana tomorrow|ahora now|anoche last night|noche night|"
    "tarde afternoon|mediodia noon|todo everything|todos all|todas all|mas more|menos fewer|muy very|tan so|"
    "cada every|semana week|semanas weeks|dia day|dias days|mes month|meses months|ano year|trimestre quarter|"
    "hora hour|horas hours|semanal* weekly|pasado last|pasada last|ultimo* last|ultima* last|proximo* next|"
    "proxima* next|este this|fin end|lunes monday|martes tuesday|miercoles wednesday|jueves thursday|"
    "viernes friday|sabado saturday|domingo sunday|enero january|febrero february|marzo march|abril april|mayo may|"
    "junio june|julio july|agosto august|septiembre september|octubre october|noviembre november|"
    "diciembre december|registro* signups|alta* signups|altas signups|cuenta account|cuentas accounts|"
    "usuario* users|cliente* customers|empresa* companies|prueba* trials|cancelacion* cancellations|abandono churn|"
    "bajas cancellations|venta* sales|pedido* orders|compra* purchases|pago* payments|factura* invoices|"
    "ingresos revenue|mensaje* messages|visita* visits|suscripcion* subscriptions|conversion* conversion|"
    "reserva* booking|activacion* activation|exporta* export|precio* prices|gratuito free|gratis free|"
    "bajo dropped|bajaron dropped|bajado dropped|cayo dropped|cayeron dropped|caida drop|caido dropped|caer fall|"
    "desplom* collapsed|disminu* declined|descenso drop|subio rose|subieron rose|subida rise|subido risen|"
    "aumento rise|aument* increased|mitad half|duplic* doubled|triplic* tripled|cierto true|verdad true|"
    "causo caused|causa cause|debe due|paso happened|ocurrio happened|sucedio happened|cambio changed|"
    "cambios changes|rompimos broke|roto broken|rompio broke|culpa blame|revertir revert|bloque* blocks|"
    "fren* holding up|impide prevents|falta missing|faltan missing|parado stuck|atascado stuck|depende depends|"
    "dependencia* dependencies|espera waits for|esperan wait|hito milestone|proyecto project|lanz* launch|"
    "lanzamiento* launch|cerrar close|terminar finish|termino finished|sale ships|salen ship|public* release|"
    "despleg* deploy|despliegue deployment|entreg* ship|novedad* new features|nuevo new|nueva new|nuevos new|"
    "nuevas new|funcionalidad* features|produccion production|movil mobile|error error|errores bugs|fallo* failure|"
    "falla fails|fallan fail|bug bug|bugs bugs|urgente* urgent|critico* critical|critica* critical|alta high|"
    "baja low|prioridad priority|asignad* assigned|asignar assign|abierto* open|grave* severe|muestra* show|"
    "ensename show|muestrame show|lista list|equipo team|tendencia trend|evolucion* trend|evoluciona developing|"
    "grafico chart|tasa rate|va going|van going|numero number|numeros numbers|indicador* metrics|metrica* metrics|"
    "estado status|arregl* fix|arreglado fixed|arreglo fixed|repar* fix|correg* fix|corrig* fix|solucion* fix|"
    "parche patch|trabaja working|trabajar work|trabajo work|pasa happening|queda left|fusionado merged|"
    "incidente incident|incidencia issue|afect* affects|afectado* affected|quej* complained|problema* problem|"
    "avisar notify|avisa notify|caido down|informe report|reporte report|resumen summary|resum* summarize|"
    "prepara prepare|genera generate|necesito need|reunion meeting|tarea* task|pendiente* pending|"
    "revision* reviews|revisar review|sigue next|primero first|documento* documents|documentacion documentation|"
    "guia guide|decid* decided|decision* decision|diseno design|busca* search|encuentra find|notas notes|"
    "elegimos chose|campana campaign|descuento* discounts|permisos permissions|hoja sheet|ruta roadmap|ayuda help|"
    "ayudar help|hola hello|buenos good|buenas good|gracias thanks|preguntar ask|funciona works|funcionas work|"
    "sabes know|eres are you|favor please|escal* escalate|notific* notify|guardia on-call|sube raise|"
    "ingeniero* engineer|crea* create|abre open|anade add|registra log|boton button|pagina page|formulario form|"
    "inicio start|sesion session|enlace link|peticion request|tiempo weather|chiste joke|cuenta tell|"
    "cuentame tell me|gracioso funny|poema poem|traduc* translate|vuelo flight|partido match|gano won|cocin* cook|"
    "alarma alarm|musica music|pelicula movie|cabeza head|duele hurts|capital capital|regalo gift|comprar buy|"
    "mesa table|ingles english|vacaciones vacation|hace does|dos two|escribe write|oferta offer|agenda schedule"
)

PHRASES = {
    "de": {
        "woran liegt": "what is the reason for",
        "guten morgen": "good morning",
        "guten tag": "good day",
        "heute morgen": "this morning",
        "heute fruh": "this morning",
        "heute abend": "this evening",
        "heute nacht": "tonight",
        "gestern abend": "yesterday evening",
        "gestern fruh": "yesterday morning",
        "gestern morgen": "yesterday morning",
        "am morgen": "in the morning",
        "im weg": "in the way",
        "wie viele": "how many",
        "wie viel": "how much",
        "als nachstes": "next",
        "als erstes": "first",
        "roll zuruck": "roll back",
        "ist los": "is going on",
    },
    "es": {
        "por que": "why",
        "por favor": "please",
        "a que se debe": "what is the reason",
        "fin de semana": "weekend",
        "buenos dias": "good morning",
        "a la mitad": "by half",
        "inicio de sesion": "login",
        "hoja de ruta": "roadmap",
        "esta semana": "this week",
        "esta manana": "this morning",
        "esta tarde": "this afternoon",
        "esta noche": "tonight",
        "ayer por la noche": "last night",
        "por la manana": "in the morning",
        "que viene": "next",
        "por la tarde": "in the afternoon",
        "por la noche": "at night",
        "de la manana": "am",
        "de la tarde": "pm",
        "de la noche": "pm",
        "a las": "at",
        "a la una": "at 1",
        "sobre las": "around",
        "hacia las": "around",
        "alrededor de las": "around",
        "entre las": "between",
        "que tiempo": "what weather",
    },
}
GERMAN_SIGNS = frozenset(
    [
        "warum",
        "wieso",
        "was",
        "wer",
        "wie",
        "wo",
        "wann",
        "welche",
        "welcher",
        "welches",
        "wird",
        "der",
        "die",
        "das",
        "den",
        "dem",
        "ein",
        "eine",
        "ist",
        "sind",
        "war",
        "wurde",
        "hat",
        "haben",
        "ich",
        "du",
        "wir",
        "uns",
        "nicht",
        "mit",
        "von",
        "und",
        "für",
        "auf",
        "im",
        "am",
        "zu",
        "zum",
        "zur",
        "vom",
        "bis",
        "beim",
        "letzten",
        "letzter",
        "seit",
        "bitte",
        "gestern",
        "heute",
        "woche",
        "letzte",
        "letzten",
        "gibt",
        "kannst",
        "soll",
        "bei",
        "nach",
        "alle",
        "zeig",
        "erstelle",
        "leg",
        "mir",
        "woran",
        "worauf",
        "unsere",
        "unser",
        "neue",
        "neuen",
        "neues",
    ]
)
SPANISH_SIGNS = frozenset(
    [
        "por",
        "qué",
        "que",
        "quién",
        "quien",
        "cuál",
        "cual",
        "cuántos",
        "cuántas",
        "cuántos",
        "cómo",
        "como",
        "dónde",
        "el",
        "la",
        "los",
        "las",
        "un",
        "una",
        "de",
        "del",
        "en",
        "es",
        "son",
        "está",
        "están",
        "y",
        "con",
        "para",
        "desde",
        "hay",
        "ayer",
        "hoy",
        "mañana",
        "semana",
        "mes",
        "muestra",
        "crea",
        "nuestro",
        "nuestra",
        "nos",
        "mi",
        "mis",
        "tu",
        "lo",
        "se",
        "al",
        "ya",
        "qué",
        "a",
        "pasó",
        "hola",
    ]
)
ENGLISH_SIGNS = frozenset(
    [
        "the",
        "is",
        "are",
        "was",
        "did",
        "do",
        "does",
        "what",
        "why",
        "who",
        "how",
        "when",
        "where",
        "which",
        "to",
        "of",
        "in",
        "on",
        "for",
        "and",
        "our",
        "we",
        "my",
        "me",
        "i",
        "you",
        "have",
        "has",
        "it",
        "this",
        "that",
        "a",
    ]
)
