"""The glossary's Portuguese and French words, in the form of `glossary_words`."""

from __future__ import annotations

PORTUGUESE = (
    "por for|que what|porque because|quem who|qual which|quais which|quanto how much|quantos how many|"
    "quantas how many|como how|onde where|quando when|e and|sao are|esta is|estao are|estava was|foi was|"
    "foram were|ha there is|houve was|tem has|temos have|tenho have|pode can|posso can|devo should|deve should|"
    "deveria should|devemos should|fazer do|faco do|faz does|fez did|fizemos did|eu I|me me|mim me|meu my|minha my|"
    "meus my|minhas my|nos us|nosso* our|nossa* our|seu its|sua its|o the|a the|os the|as the|um a|uma a|de of|"
    "do of the|da of the|dos of the|das of the|em in|no in the|na in the|nas in the|ao to the|aos to the|"
    "pelo by the|pela by the|pelos by the|pelas by the|para for|com with|sem without|ou or|mas but|nao not|ja already|"
    "ainda still|desde since|ate until|entre between|sobre about|apos after|depois after|antes before|durante during|"
    "hoje today|ontem yesterday|anteontem day before yesterday|amanha tomorrow|agora now|noite night|tarde afternoon|"
    "tudo everything|todos all|todas all|mais more|menos fewer|muito very|tao so|cada every|semana week|"
    "semanas weeks|dia day|dias days|mes month|meses months|ano year|trimestre quarter|hora hour|horas hours|"
    "semanal* weekly|passado last|passada last|ultim* last|proxim* next|este this|neste this|nesta this|"
    "segunda monday|terca tuesday|quarta wednesday|quinta thursday|sexta friday|sabado saturday|domingo sunday|"
    "janeiro january|fevereiro february|marco march|abril april|maio may|junho june|julho july|agosto august|"
    "setembro september|outubro october|novembro november|dezembro december|cadastr* signups|inscric* signups|"
    "registr* signups|conta account|contas accounts|usuari* users|utilizador* users|cliente* customers|"
    "empresa* companies|teste* trials|cancelament* cancellations|venda* sales|pedido* orders|compra* purchases|"
    "pagament* payments|fatura* invoices|receita revenue|mensage* messages|visita* visits|assinatura* subscriptions|"
    "convers* conversion|reserva* bookings|ativac* activation|exportac* export|preco* prices|gratuito free|"
    "gratis free|caiu dropped|cairam dropped|caindo falling|queda drop|baixou dropped|baixaram dropped|"
    "diminu* declined|desceu dropped|desceram dropped|despenc* collapsed|subiu rose|subiram rose|subindo rising|"
    "aument* increased|cresc* grew|metade half|dobr* doubled|verdade true|caus* cause|motivo reason|razao reason|"
    "aconteceu happened|ocorreu happened|mudou changed|quebr* broke|culpa blame|revert* revert|"
    "bloque* blocking|imped* prevents|falta missing|faltam missing|parado stuck|depende* depends|espera waits for|"
    "projeto project|lanc* launch|entreg* ship|public* release|implant* deploy|novidade* new features|"
    "novo new|nova new|novos new|novas new|funcionalidade* features|producao production|"
    "erro error|erros errors|falha* failure|bug bug|bugs bugs|urgente* urgent|critic* critical|prioridade priority|"
    "atribuid* assigned|abert* open|grave* severe|mostr* show|list* list|equipe team|equipa team|tendencia trend|"
    "evoluc* trend|grafico chart|taxa rate|numero* numbers|indicador* metrics|metrica* metrics|estado status|"
    "andamento status|corrig* fix|consert* fix|arrum* fix|trabalh* work|acontecendo happening|incidente incident|"
    "problema* problem|afetad* affected|afeta* affects|reclam* complained|avis* notify|relatorio report|"
    "resumo summary|resum* summarize|prepar* prepare|preciso need|reuniao meeting|tarefa* tasks|pendente* pending|"
    "revis* review|primeiro first|documento* documents|documentac* documentation|guia guide|decid* decided|"
    "decisao decision|decisoes decisions|busque search|procure search|encontr* find|ache find|nota* notes|"
    "reembols* refunds|campanha campaign|desconto* discounts|permisso* permissions|autenticac* authentication|"
    "ajuda help|ajudar help|ola hello|obrigad* thanks|escal* escalate|notific* notify|"
    "crie create|cri* create|abra open|adicion* add|poema poem|piada joke|traduz* translate|tempo weather|voo flight"
)

FRENCH = (
    "pourquoi why|que what|quoi what|qui who|quel what|quelle which|quels which|quelles which|combien how many|"
    "comment how|ou where|quand when|est is|sont are|etait was|ont have|avons have|ai have|peut can|"
    "peux can|dois should|doit should|devons should|faire do|fait done|je I|tu you|nous we|vous you|moi me|mon my|"
    "ma my|mes my|notre our|nos our|son its|sa its|ses its|elles they|elle it|ils they|il it|le the|la the|les the|"
    "un a|une a|des the|du of the|de of|et and|mais but|ne not|pas not|sans without|avec with|au to the|aux to the|"
    "en in|dans in|pour for|sur about|par by|chez at|depuis since|jusqu until|entre between|vers around|apres after|"
    "avant before|pendant during|hier yesterday|demain tomorrow|maintenant now|nuit night|matin morning|soir evening|"
    "midi noon|tout everything|tous all|toutes all|plus more|moins fewer|tres very|chaque every|semaine week|"
    "semaines weeks|jour day|jours days|mois month|an year|annee year|trimestre quarter|heure hour|heures hours|"
    "hebdomadaire* weekly|derniere last|dernier last|prochain* next|ce this|cette this|cet this|"
    "lundi monday|mardi tuesday|mercredi wednesday|jeudi thursday|vendredi friday|samedi saturday|dimanche sunday|"
    "janvier january|fevrier february|mars march|avril april|mai may|juin june|juillet july|aout august|"
    "septembre september|octobre october|novembre november|decembre december|inscription* signups|"
    "inscrit* signed up|compte account|comptes accounts|utilisat* users|client* customers|entreprise* companies|"
    "essai* trials|resiliation* cancellations|annulation* cancellations|vente* sales|commande* orders|"
    "achat* purchases|paiement* payments|facture* invoices|revenu* revenue|message* messages|visite* visits|"
    "abonnement* subscriptions|conversion* conversion|reservation* bookings|activation* activation|prix prices|"
    "gratuit* free|chut* dropped|baiss* dropped|tomb* fell|diminu* declined|recul* declined|effondr* collapsed|"
    "mont* rose|augment* increased|hausse rise|moitie half|doubl* doubled|vrai true|cause* cause|raison reason|"
    "passe* happened|arriv* happened|chang* changed|cass* broken|bloque* blocking|bloqu* blocked|empech* prevents|"
    "manque missing|attend* waits for|jalon milestone|projet project|lanc* launch|livr* ship|publi* release|"
    "deploi* deploy|deploy* deployed|nouveau new|nouvelle* new|nouveaux new|fonctionnalite* features|"
    "production production|erreur* errors|panne* outage|bug bug|bugs bugs|urgent* urgent|critique* critical|"
    "priorite* priority|assign* assigned|attribu* assigned|ouvert* open|grave* severe|montre* show|affiche* show|"
    "liste* list|equipe team|tendance trend|evolution trend|graphique chart|taux rate|chiffres numbers|"
    "nombre number|indicateur* metrics|metrique* metrics|statut status|avancement status|avance going|corrig* fix|"
    "repar* fix|travaill* work|travail work|incident incident|probleme* problem|touche* affected|concern* affected|"
    "affect* affected|plaint* complained|previen* notify|prevenir notify|rapport report|resum* summary|"
    "prepar* prepare|besoin need|reunion meeting|tache* tasks|revue* reviews|suivant* next|document* documents|"
    "documentation documentation|guide guide|decid* decided|decision* decision|cherch* search|trouv* find|"
    "note* notes|remboursement* refunds|campagne campaign|remise* discounts|connexion login|authentification auth|"
    "aide help|aider help|bonjour hello|merci thanks|escalad* escalate|notifi* notify|cree* create|creer create|"
    "ouvre open|ajout* add|ecri* write|poeme poem|blague joke|tradui* translate|meteo weather|vol flight|mer sea"
)

ROMANCE_PHRASES = {
    "pt": {
        "por que": "why",
        "por favor": "please",
        "o que": "what",
        "a que se deve": "what is the reason",
        "semana passada": "last week",
        "mes passado": "last month",
        "esta semana": "this week",
        "esta manha": "this morning",
        "esta tarde": "this afternoon",
        "fim de semana": "weekend",
        "ontem a noite": "last night",
        "ontem a tarde": "yesterday afternoon",
        "segunda-feira": "monday",
        "terca-feira": "tuesday",
        "quarta-feira": "wednesday",
        "quinta-feira": "thursday",
        "sexta-feira": "friday",
        "da manha": "am",
        "da tarde": "pm",
        "bom dia": "good morning",
        "pela metade": "by half",
        "o marco": "the milestone",
        "do marco": "of the milestone",
        "qual e": "what is",
        "quem e": "who is",
        "esta bloqueando": "is blocking",
    },
    "fr": {
        "qu'est-ce qui": "what",
        "qu'est-ce que": "what",
        "qu'est-ce qu'": "what ",
        "est-ce que": "is it so that",
        "aujourd'hui": "today",
        "s'il te plait": "please",
        "s'il vous plait": "please",
        "la semaine derniere": "last week",
        "semaine derniere": "last week",
        "la semaine prochaine": "next week",
        "le mois dernier": "last month",
        "mois dernier": "last month",
        "cette semaine": "this week",
        "ce matin": "this morning",
        "cet apres-midi": "this afternoon",
        "hier soir": "yesterday evening",
        "avant-hier": "day before yesterday",
        "week-end": "weekend",
        "en cours": "in progress",
        "a propos de": "about",
        "a propos des": "about the",
        "au sujet de": "about",
        "dois-je": "should I",
        "de moitie": "by half",
        "mise en production": "deployment",
        "l'": "the ",
        "d'": "of ",
        "j'": "I ",
        "n'": "not ",
        "s'": "",
        "qu'": "that ",
    },
}

_PORTUGUESE_SIGNS_TEXT = (
    "por que quem qual quais onde quando o os as um uma e é do da dos das de em no na nas ao pelo pela com para não "
    "são está estão foi foram houve temos devo desde hoje ontem amanhã agora mês semana passada isso meu minha "
    "nosso nossa mostre encontre busque crie como quantos quantas vamos"
)
PORTUGUESE_SIGNS = frozenset(_PORTUGUESE_SIGNS_TEXT.split())
_FRENCH_SIGNS_TEXT = (
    "pourquoi qui que quoi quel quelle quels quelles combien comment où est sont ont le la les des du une un et de "
    "au aux en dans pour sur avec pas ne je nous mes mon notre nos ce cette hier semaine dernière aujourd hui qu "
    "est montre trouve moi dois ils elles il elle par depuis"
)
FRENCH_SIGNS = frozenset(_FRENCH_SIGNS_TEXT.split())
